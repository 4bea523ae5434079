"""Whatever comes on the topic, and whatever is away: nothing stops the consumer, is silent, or loses a good bar."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.common.decode_bars import decode, decode_each
from stock_ml.adapters.broker import Topics, encode_bar, ensure_topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from tests.adapters.test_consumer import Fixed, bars_of, consuming, publish, rows, state, wait
from tests.adapters.test_consumer import s as s
from tests.unit.serving.streams import CONFIG, Standing, day

MEBIBYTE = 1024 * 1024
ROOM = 20 * MEBIBYTE
TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stockml store'"
FULL = """
create function no_space() returns trigger language plpgsql as $$
begin
    raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
end $$;
create trigger full_disk before insert on bars for each row execute function no_space()
"""


def rejected(s: Settings) -> list[tuple[dict[str, str], bytes | None]]:
    """Return headers and value of all that was put aside."""
    topic = Topics.of(s).rejected
    reader = Consumer(client_config(s) | {"group.id": uuid4().hex, "enable.partition.eof": True})
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found = []
    while (message := reader.poll(10)) is not None and message.error() is None:
        found.append(({name: value.decode() for name, value in message.headers()}, message.value()))
    reader.close()
    return found


def on_a_roomy_topic(s: Settings) -> Settings:
    """Return the settings with a topic that takes more than ours ever hold, from its first message on."""
    own = s.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}"})
    topic = NewTopic(own.kafka_topic, own.kafka_partitions, config={"max.message.bytes": str(ROOM)})
    admin = AdminClient(client_config(s))  # held until the answer is there
    admin.create_topics([topic])[own.kafka_topic].result()
    ensure_topics(own)
    return own


def bad_messages(s: Settings) -> dict[str, bytes]:
    """Return each kind of message that cannot be used, by a part of the reason that is to be told."""
    bar = bars_of(s, 1)[0]
    good = orjson.loads(encode_bar(bar))
    told: dict[str, dict[str, Any]] = {
        "schema version 2 is unknown": good | {"v": 2},
        "schema version None is unknown": {name: value for name, value in good.items() if name != "v"},
        "missing or unknown: ['close']": {name: value for name, value in good.items() if name != "close"},
        "missing or unknown: ['note']": good | {"note": "x"},
        "open is '100'": good | {"open": "100"},
        "close is None": good | {"close": None},
        "symbol is 7": good | {"symbol": 7},
        "volume is True": good | {"volume": True},
        "bad open: ": good | {"low": good["high"] + 1},
        "bad high: 1e+200": good | {"high": 1e200},
        "volume from 0 to 1e15": good | {"volume": 1e200},
        "'MSFT' is not configured": good | {"symbol": "MSFT"},
        "is of source 'sandbox'": good | {"source": "sandbox"},
        "ts 60 is no minute of a session": good | {"ts": 60},  # 1970
        f"ts is {7_258_118_400}": good | {"ts": 7_258_118_400},  # 2200
        f"ts {bar.ts + 86_400} is no minute of a session": good | {"ts": bar.ts + 86_400},  # a Saturday
        f"ts is {bar.ts + 1}": good | {"ts": bar.ts + 1},
    }
    raw = {"not JSON": b"\xff\x00", "not a JSON object": b"[1]", "no value": b""}
    raw |= {"NaN": encode_bar(bar).replace(str(bar.close).encode(), b"NaN", 1)}
    raw["more than 65536"] = b"x" * (10 * MEBIBYTE)
    return {reason: orjson.dumps(value) for reason, value in told.items()} | raw


def test_each_kind_of_bad_message_is_put_aside_with_its_place_and_reason_and_every_good_bar_is_forecast(
    s: Settings,
) -> None:
    s = on_a_roomy_topic(s)
    bars, bad = bars_of(s, 60), bad_messages(s)
    refused: list[Any] = []

    def heard(error: Any, _: Any) -> None:
        refused.extend([error] if error else [])

    in_order = {"enable.idempotence": True}  # also where the topic's leader is not known at once
    producer = Producer(client_config(s) | {"message.max.bytes": ROOM, **in_order})
    values = list(bad.values())
    for number, bar in enumerate(bars):
        producer.produce(s.kafka_topic, key=s.symbols[0].encode(), value=encode_bar(bar))
        if number < len(values):
            producer.produce(s.kafka_topic, key=s.symbols[0].encode(), value=values[number], on_delivery=heard)
    assert (producer.flush(60), refused) == (0, [])
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "forecasts")) == 45)
    found = rejected(s)
    assert len(found) == len(bad)
    for (reason, value), (headers, kept) in zip(bad.items(), found, strict=True):
        wanted = "not JSON" if reason in ("NaN", "no value") else reason
        assert wanted in headers["reason"], (reason, headers)
        assert headers["topic"] == s.kafka_topic
        assert int(headers["offset"]) % 2 == 1
        assert headers["partition"].isdigit()
        assert int(headers["bytes"]) == len(value)
        assert kept == value[:1_500_000]
    assert len(rows(s, "bars")) == 60


def test_a_hundred_thousand_garbage_messages_in_a_row_cost_no_good_bar_and_the_log_stays_readable(
    s: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bars = bars_of(s, 40)
    garbage = [b"garbage %d" % number for number in range(100_000)]
    publish(s, *map(encode_bar, bars[:20]))
    publish(s, *garbage)
    publish(s, *map(encode_bar, bars[20:]))
    with consuming(s, Fixed()) as consumer:
        wait(lambda: len(rows(s, "forecasts")) == 25)
        count = consumer.batches.meters.registry.get_sample_value
        wait(lambda: count("stockml_rejected_total") == 100_000)  # a batch is counted after it was stored
    assert [value for _, value in rejected(s)] == garbage
    told = [record.message for record in caplog.records if record.message.startswith("rejected ")]
    assert 10 < len(told) < 5_000
    assert any("more=" in line for line in told)


def test_the_true_bar_of_a_minute_is_stored_after_an_absurd_one_was_put_aside(s: Settings) -> None:
    bars = bars_of(s, 20)
    absurd = [encode_bar(bars[5]._replace(open=1e200, high=1e200, low=1e200, close=1e200)) for _ in range(2)]
    publish(s, *map(encode_bar, bars[:5]), *absurd, *map(encode_bar, bars[5:]))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "forecasts")) == 5)
    assert [row.close for row in rows(s, "bars")] == [bar.close for bar in bars]
    assert not any(row.filled or row.late for row in rows(s, "bars"))
    assert [value for _, value in rejected(s)] == absurd
    assert all("prices must be positive and at most 1e9" in headers["reason"] for headers, _ in rejected(s))


@settings(max_examples=2_000)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.builds(
                lambda bar, at, bits: (v := encode_bar(bar))[: at % len(v)] + bits + v[at % len(v) + len(bits) :],
                st.sampled_from(day()[:50]),
                st.integers(0, 200),
                st.binary(max_size=4),
            ),
        ),
        min_size=50,
        max_size=50,
    )
)
def test_of_a_hundred_thousand_fuzzed_messages_each_is_a_bar_or_has_a_reason(values: list[bytes]) -> None:
    done = decode(values, CONFIG)
    assert len(done.bars) + len(done.rejects) == len(values)
    assert all(reason for _, reason in done.rejects)
    kept = [Bar(CONFIG.names[slot], ts, *v, "sandbox") for slot, ts, v in _columns(done.bars)]
    assert kept == list(decode_each(values, CONFIG))


def _columns(bars: Any) -> Iterator[tuple[int, int, list[float]]]:
    return zip(bars.slot.tolist(), bars.ts.tolist(), bars.values.T.tolist(), strict=True)


def test_a_bar_of_days_to_come_is_refused_and_one_of_a_clock_an_hour_behind_is_not(s: Settings) -> None:
    live = s.model_copy(update={"source": "yahoo"})
    bars = [bar._replace(source="yahoo") for bar in bars_of(s, 25)]
    far = bars[0]._replace(ts=bars[0].ts + 7 * 86_400)
    tables_of(live)
    publish(live, *map(encode_bar, [*bars, far]))
    with consuming(live, Fixed()) as consumer:
        consumer.batches.clock = Standing(bars[-1].ts - 3600)  # it was set back an hour
        wait(lambda: len(rows(live, "forecasts")) == 10)
        wait(lambda: [headers["reason"] for headers, _ in rejected(live)] != [])
    assert "more than a day to come" in rejected(live)[0][0]["reason"]
    assert len(rows(live, "bars")) == 25
    assert all(row.made_at.timestamp() == row.bar_ts.timestamp() + 60 for row in rows(live, "forecasts"))
    tables_of(s)


def tables_of(s: Settings) -> None:
    with psycopg.connect(s.postgres(), autocommit=True) as connection:
        connection.execute("update installation set source = %s", [s.source])


def test_an_empty_topic_is_waited_on_and_a_consumer_of_it_is_ready(s: Settings) -> None:
    with consuming(s, Fixed()) as consumer:
        wait(lambda: state(s).get("lag") == 0 and consumer.batches.health.waiting == {})
        publish(s, *map(encode_bar, bars_of(s, 20)))
        wait(lambda: len(rows(s, "forecasts")) == 5)


def test_a_topic_with_another_number_of_partitions_is_told_and_used_also_when_it_gets_more(
    s: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    one = s.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}", "kafka_partitions": 1})
    ensure_topics(one)
    own = one.model_copy(update={"kafka_partitions": 4})
    told = f"topic {own.kafka_topic} stays with 1 partitions, STOCKML_KAFKA_PARTITIONS=4"
    wait(lambda: told in caplog.text or bool(ensure_topics(own)))
    bars = list(map(encode_bar, bars_of(own, 60)))
    with consuming(own, Fixed()):
        publish(own, *bars[:20])
        wait(lambda: len(rows(own, "forecasts")) == 5)
        admin = AdminClient(client_config(own))
        admin.create_partitions([NewPartitions(own.kafka_topic, 3)])[own.kafka_topic].result()
        for number, bar in enumerate(bars[20:], 20):
            publish_to(own, number % 3, bar)
            wait(lambda count=number: len(rows(own, "bars")) == count + 1)  # type: ignore[misc]
        wait(lambda: len(rows(own, "forecasts")) == 45)


def publish_to(s: Settings, partition: int, value: bytes) -> None:
    producer = Producer(client_config(s))
    producer.produce(s.kafka_topic, key=s.symbols[0].encode(), value=value, partition=partition)
    assert producer.flush(30) == 0


def test_offsets_that_retention_deleted_are_told_and_the_rest_is_forecast(
    s: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    bars = list(map(encode_bar, bars_of(s, 60)))
    publish(s, *bars[:20])
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "bars")) == 20)
        wait(lambda: state(s).get("lag") == 0)
    publish(s, *bars[20:])
    admin, topic = AdminClient(client_config(s)), s.kafka_topic
    ends = [TopicPartition(topic, partition, 30) for partition in range(4) if holds(s, partition)]
    for deleted in admin.delete_records(ends).values():
        deleted.result()
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "bars")) >= 50)
    assert "10 messages were deleted before they were read, offsets 20 to 30" in caplog.text
    assert len([row for row in rows(s, "bars") if not row.filled]) == 50


def test_messages_that_retention_deleted_while_the_consumer_was_behind_are_told_too(
    s: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    bars = list(map(encode_bar, bars_of(s, 60)))
    publish(s, *bars[:20])
    with consuming(s, Fixed()) as consumer:
        wait(lambda: len(rows(s, "bars")) == 20)
        here = [TopicPartition(s.kafka_topic, partition) for partition in range(4) if holds(s, partition)]
        consumer.batches.subscriber._consumer.pause(here)  # as one that does not keep up: it fetches no more
        publish(s, *bars[20:40])
        ends = [TopicPartition(at.topic, at.partition, 30) for at in here]
        admin = AdminClient(client_config(s))  # held until the answers are there
        for deleted in admin.delete_records(ends).values():
            deleted.result()
        consumer.batches.subscriber._consumer.resume(here)
        publish(s, *bars[40:])
        wait(lambda: len([row for row in rows(s, "bars") if not row.filled]) == 50)
    assert caplog.text.count("10 messages were deleted before they were read, offsets 20 to 30") == 1


def holds(s: Settings, partition: int) -> bool:
    reader = Consumer(client_config(s) | {"group.id": uuid4().hex})
    _, high = reader.get_watermark_offsets(TopicPartition(s.kafka_topic, partition), timeout=10)
    reader.close()
    return bool(high)


def away_and_back(s: Settings, go: Callable[[], None], back: Callable[[], None], word: str) -> None:
    """Take the database away while bars come, look that it is named, and that all is stored when it is back."""
    bars = list(map(encode_bar, bars_of(s, 40)))
    publish(s, *bars[:20])
    with consuming(s, Fixed()) as consumer:
        wait(lambda: len(rows(s, "forecasts")) == 5)
        go()
        publish(s, *bars[20:])
        wait(lambda: word in consumer.batches.health.waiting.get("postgresql", ""))
        assert consumer.batches.health.alive
        back()
        wait(lambda: len(rows(s, "forecasts")) == 25)
        wait(lambda: consumer.batches.health.waiting == {})


def test_asked_to_stop_while_the_database_is_away_it_ends_in_time_and_the_batch_comes_again(s: Settings) -> None:
    publish(s, *map(encode_bar, bars_of(s, 30)))
    with psycopg.connect(s.postgres(), autocommit=True) as connection:
        connection.execute(FULL)
        with consuming(s, Fixed()) as consumer:  # its end must come within five seconds
            wait(lambda: "postgresql" in consumer.batches.health.waiting)
        connection.execute("drop trigger full_disk on bars; drop function no_space()")
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "forecasts")) == 15)


def test_a_full_disk_is_named_waited_for_and_costs_nothing(s: Settings) -> None:
    with psycopg.connect(s.postgres(), autocommit=True) as connection:
        away_and_back(
            s,
            lambda: connection.execute(FULL) and None,
            lambda: connection.execute("drop trigger full_disk on bars; drop function no_space()") and None,
            "No space left on device",
        )


def test_a_postgresql_without_a_connection_to_give_is_named_waited_for_and_costs_nothing(s: Settings) -> None:
    with ExitStack() as held, every_connection(s) as take:
        away_and_back(s, lambda: take(held), held.close, "connection slots are reserved")


def test_a_postgresql_that_only_reads_after_a_failover_is_named_waited_for_and_costs_nothing(s: Settings) -> None:
    only_reads = "alter database stockml set default_transaction_read_only = "
    with psycopg.connect(s.postgres(), autocommit=True) as connection:

        def fail_over() -> None:
            connection.execute(only_reads + "on")
            connection.execute(TERMINATE)

        def back() -> None:
            connection.execute(only_reads + "off")
            connection.execute(TERMINATE)

        try:
            away_and_back(s, fail_over, back, "read-only transaction")
        finally:
            connection.execute(only_reads + "off")


@contextmanager
def every_connection(s: Settings) -> Iterator[Callable[[ExitStack], None]]:
    """Give a function that ends the stores' connections and takes all that the server has."""
    with psycopg.connect(s.postgres(), autocommit=True) as mine:

        def take(held: ExitStack) -> None:
            limit = int((mine.execute("show max_connections").fetchone() or [0])[0])
            mine.execute(TERMINATE)
            for _ in range(limit):
                try:
                    held.enter_context(psycopg.connect(s.postgres()))
                except psycopg.OperationalError:
                    break

        yield take
