"""The official close of a session in the stream: the same forecasts, bit for bit, as a batch that knows it."""

from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.bars import Bar
from stock_ml.domain.official_close import OfficialClose, OfficialCloses
from tests.hypothesis_budget import at_most
from tests.unit.serving.batch import Numbers, batch
from tests.unit.serving.streams import CONFIG, Stream, bars_of, day, numbers
from tests.walks import minutes_of, take, walk

BARS = day(sessions=3)
CLOSES = [
    OfficialClose("GOOGL", bar.ts + 60, bar.close * factor, volume, "sandbox")
    for bar, factor, volume in ((BARS[389], 1.004, 0.0), (BARS[779], 0.995, 5e6))
]
EXPECTED = batch(BARS, closes=OfficialCloses.of(CLOSES))
NIGHT = range(390, 390 + CONFIG.window - 1)  # the bars whose windows cross the first night


def in_time(bars: list[Bar] = BARS, closes: list[OfficialClose] = CLOSES) -> list[Bar | OfficialClose]:
    return sorted([*bars, *closes], key=lambda each: each.ts)


def send(stream: Stream, messages: list[Bar | OfficialClose]) -> Stream:
    """Send messages in one batch."""
    closes = [each for each in messages if isinstance(each, OfficialClose)]
    return stream.send(*(each for each in messages if isinstance(each, Bar)), closes=closes)


def found(stream: Stream) -> dict[int, Numbers]:
    return {ts: numbers(row) for (_, ts), row in stream.forecasts.items()}


def test_the_official_close_changes_the_forecasts_behind_the_night_and_no_others() -> None:
    without = batch(BARS)
    changed = {ts for ts in EXPECTED if EXPECTED[ts] != without[ts]}
    first, second = changed & {BARS[i].ts for i in NIGHT}, changed & {BARS[i + 390].ts for i in NIGHT}
    assert first
    assert second
    assert min(changed) == BARS[390].ts  # forecasts until the close, and so their intervals, are the same
    last = BARS[388].ts  # its target is the session's last minute: the outcome is that bar's close
    assert EXPECTED[last] == without[last]
    assert EXPECTED[BARS[405].ts][:2] == without[BARS[405].ts][:2]  # the window is of one session again


@given(cuts=st.sets(st.integers(1, 1171), max_size=6), restarts=st.sets(st.integers(0, 6)))
@at_most(20)
def test_stream_and_batch_agree_whatever_the_batches_and_the_restarts(cuts: set[int], restarts: set[int]) -> None:
    messages, stream = in_time(), Stream()
    for number, (first, last) in enumerate(zip([0, *sorted(cuts)], [*sorted(cuts), len(messages)], strict=True)):
        if number in restarts:
            stream.forget()
        send(stream, messages[first:last])
    assert found(stream) == EXPECTED


def test_bars_out_of_order_see_it_as_well() -> None:
    messages = in_time()
    at = messages.index(BARS[392])
    messages[at], messages[at + 1] = messages[at + 1], messages[at]
    stream = send(send(Stream(), messages[:at]), messages[at : at + 2])
    assert found(stream)[BARS[393].ts] == EXPECTED[BARS[393].ts]
    send(stream.forget(), messages[at + 2 :])
    kept = {ts: row for ts, row in found(stream).items() if ts > BARS[410].ts}
    assert {ts: row[:2] for ts, row in kept.items()} == {ts: EXPECTED[ts][:2] for ts in kept}


def test_delivered_again_it_changes_nothing() -> None:
    stream, nights = Stream(), [*BARS[365:415], *BARS[755:805]]
    for message in in_time(nights):
        send(stream, [message])
        if isinstance(message, OfficialClose):
            send(stream, [message])
    assert found(stream) == batch(nights, closes=OfficialCloses.of(CLOSES))
    assert [row[:5] for row in stream.store.closes.values()] == CLOSES


def test_a_late_one_changes_later_windows_and_no_forecast_that_was_made() -> None:
    stream, without = send(Stream(), BARS[:393]), batch(BARS[:393])
    send(stream, CLOSES[:1])
    assert found(stream) == without
    send(stream, BARS[393:397])
    for made in (stream, send(send(Stream(), [*BARS[:393], *CLOSES[:1]]).forget(), BARS[393:397])):
        assert [found(made)[BARS[i].ts][:2] for i in range(393, 396)] == [
            EXPECTED[BARS[i].ts][:2] for i in range(393, 396)
        ]


def test_of_several_for_one_session_the_largest_volume_counts_and_of_those_the_newest() -> None:
    several = [CLOSES[0]._replace(volume=volume, close=close) for volume, close in ((0, 90), (7, 93), (7, 92), (1, 99))]
    expected = batch(BARS[:400], closes=OfficialCloses.of([several[2]]))
    for order in (several, [several[3], *several[:3]]):
        stream = send(Stream(), BARS[:390])
        for close in order:
            send(stream, [close])
        assert found(send(stream, BARS[390:400])) == expected
        assert [(row.close, row.volume) for row in stream.store.closes.values()] == [(92, 7)]


def test_each_symbol_has_its_own_and_one_without_bars_waits_for_them() -> None:
    other = bars_of(take(walk(minutes_of("2024-03-01", 3), 2), slice(None)), "AAPL")
    stream = send(Stream(), [*BARS[:390], CLOSES[0]._replace(symbol="AAPL", close=other[389].close * 1.01)])
    send(stream, [*BARS[390:400], *other[:400]])
    mine = {ts: numbers(row) for (symbol, ts), row in stream.forecasts.items() if symbol == "GOOGL"}
    assert mine == batch(BARS[:400])
    theirs = {ts: numbers(row) for (symbol, ts), row in stream.forecasts.items() if symbol == "AAPL"}
    closes = OfficialCloses.of([CLOSES[0]._replace(close=other[389].close * 1.01)])
    assert theirs == batch(other[:400], closes=closes)
