"""A source that answers with windows loses no session: all its answers for a month are cleaned together."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings, load
from stock_ml.domain.bars import epoch
from stock_ml.errors import BadFile
from stock_ml.sources.parsing import Response
from tests.hypothesis_budget import at_most
from tests.yahoo import XNYS, chart, invented, minutes_between

MONTH, SYMBOL = "2024-03", "GOOGL"
FIRST = int(XNYS.opens[np.searchsorted(XNYS.dates, np.datetime64("2024-03-01"))])
DAY = 86_400
LATER = FIRST + 4 * DAY + 7200  # Tuesday, 11:30 in New York: the third session is still open
ITEM = {"symbol": SYMBOL, "months": [MONTH]}
S = load(_env_file=None, source="yahoo", symbols=SYMBOL, minimum_coverage=0.0)


@dataclass
class Held:
    """Keep objects in memory; they are listed in the order in which they were put, or in the other one."""

    bodies: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    bucket: str = "memory"
    backwards: bool = False

    def put(self, key: str, body: bytes, content_type: str, metadata: dict[str, str] | None = None) -> None:
        self.bodies[key] = {"ContentType": content_type, "Metadata": metadata or {}}, body

    def head(self, key: str) -> dict[str, Any] | None:
        return self.bodies[key][0] if key in self.bodies else None

    def get(self, key: str) -> bytes | None:
        return self.bodies[key][1] if key in self.bodies else None

    def read(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        return self.bodies.get(key)

    def keys(self, prefix: str) -> list[str]:
        found = [key for key in self.bodies if key.startswith(prefix)]
        return found[::-1] if self.backwards else found


def answer(ts: np.ndarray, at: float, change: float = 0.0, broken: tuple[int, ...] = ()) -> Response:
    """Return Yahoo's chart of these minutes, given at a time, with all prices and volumes raised by `change`."""
    rows = [[v if v is None else v + change for v in row] for row in invented(ts)]
    for minute in broken:
        rows[minute][1] = 0.0
    body = orjson.dumps([chart(ts.tolist(), rows, SYMBOL)])
    return Response("yahoo", SYMBOL, MONTH, {"chart": SYMBOL}, at, body, "application/json")


def minutes(start: float, end: float) -> np.ndarray:
    return minutes_between(FIRST + start, FIRST + end)


def lake_of(*answers: Response, backwards: bool = False, source: str = "yahoo") -> Lake:
    lake = Lake(Held(backwards=backwards), source)
    for received in answers:
        lake.put_raw(received)
    return lake


def cleaned(lake: Lake, s: Settings = S) -> dict[str, Any]:
    """Return the report of the month."""
    return clean_symbol(s, ITEM, lake)["months"][MONTH]


def clean_bytes(lake: Lake) -> bytes | None:
    cleaned(lake)
    return lake.objects.get(f"clean/source=yahoo/symbol={SYMBOL}/month={MONTH}/bars.parquet")


def test_a_first_session_that_the_newest_answer_no_longer_reaches_stays_clean():
    early, late = answer(minutes(0, DAY), FIRST + DAY), answer(minutes(3 * DAY, 4 * DAY), FIRST + 4 * DAY)
    lake = lake_of(early, late)
    report = cleaned(lake)
    assert list(report["sessions"]) == ["2024-03-01", "2024-03-04"]
    assert epoch(lake.read_month(SYMBOL, MONTH)["ts"]).min() == FIRST
    assert report["raw"] == report["answers"][-1] == lake.newest_raw(SYMBOL, MONTH)[0]
    assert len(report["answers"]) == 2


@pytest.mark.parametrize("change", [-5.0, 5.0])
def test_a_later_answer_corrects_an_earlier_one_whichever_volume_is_larger(change):
    early, late = answer(minutes(0, DAY), FIRST + DAY), answer(minutes(600, DAY), FIRST + 4 * DAY, change)
    lake = lake_of(early, late)
    report, bars = cleaned(lake), lake.read_month(SYMBOL, MONTH)
    alone = lake_of(late)
    cleaned(alone)
    corrected = bars[epoch(bars["ts"]) >= FIRST + 600].reset_index(drop=True)
    assert corrected.equals(alone.read_month(SYMBOL, MONTH))
    assert (report["superseded"], report["refused"]) == (len(minutes(600, DAY)) - 22, {})


def test_a_bar_that_formed_in_an_earlier_answer_and_is_in_no_later_one_is_never_taken():
    early, late = answer(minutes(0, 660), FIRST + 630), answer(minutes(3 * DAY, 4 * DAY), FIRST + 4 * DAY)
    lake = lake_of(early, late)
    assert cleaned(lake)["not_yet_known"] == 1
    received = lake.read_month(SYMBOL, MONTH).query("not filled")
    assert FIRST + 600 not in epoch(received["ts"])


def test_a_broken_row_of_a_later_answer_takes_no_good_one_away():
    early, late = answer(minutes(0, DAY), FIRST + DAY), answer(minutes(0, DAY), FIRST + 4 * DAY, 1.0, broken=(1, 2))
    lake = lake_of(early, late)
    report, bars = cleaned(lake), lake.read_month(SYMBOL, MONTH)
    assert report["refused"] == {"bad high": 2}
    whole = invented(minutes(0, DAY))
    assert bars["close"].tolist()[:4] == [whole[0][3] + 1, whole[1][3], whole[2][3], whole[3][3] + 1]


def test_an_older_answer_that_cannot_be_read_is_named_and_a_newest_one_is_an_error(caplog):
    bad = Response("yahoo", SYMBOL, MONTH, {"chart": SYMBOL}, FIRST + 1.0, b'{"chart": 1}', "application/json")
    lake = lake_of(bad, answer(minutes(0, DAY), FIRST + DAY))
    [(key, reason)] = cleaned(lake)["unreadable"].items()
    assert lake.get_raw(key).body == bad.body
    assert "not Yahoo's chart layout" in reason
    assert f"{key} is left out" in caplog.text
    with pytest.raises(BadFile):
        cleaned(lake_of(bad))


def test_of_a_source_that_answers_with_whole_months_the_newest_answer_is_read_alone():
    early, late = answer(minutes(0, DAY), FIRST + DAY), answer(minutes(3 * DAY, 4 * DAY), FIRST + 4 * DAY)
    report = cleaned(lake_of(early, late, source="alpha_vantage"), S.model_copy(update={"source": "alpha_vantage"}))
    assert list(report["sessions"]) == ["2024-03-04"]
    assert len(report["answers"]) == 1


CUTS = st.lists(st.integers(0, 4 * DAY // 60), min_size=1, max_size=5)


@at_most(12)
@given(CUTS, st.integers(0, 90), st.booleans(), st.randoms(use_true_random=False))
def test_a_month_in_overlapping_pieces_in_any_order_gives_the_bytes_of_the_month_at_once(
    cuts, overlap, backwards, random
):
    whole = minutes(0, LATER - FIRST)
    ends = [*sorted(FIRST + 60 * cut for cut in set(cuts)), LATER]
    starts = [FIRST, *(end - 60 * overlap for end in ends[:-1])]
    pieces = [whole[(whole >= a) & (whole < b)] for a, b in zip(starts, ends, strict=True)]
    answers = [answer(ts, LATER + at) for at, ts in enumerate(pieces) if any(t // 60 % 17 for t in ts.tolist())]
    random.shuffle(answers)
    once = answer(whole, LATER)
    assert clean_bytes(lake_of(*answers, *answers[:1], backwards=backwards)) == clean_bytes(lake_of(once))


@at_most(6)
@given(st.permutations(range(4)), st.booleans())
def test_answers_that_differ_give_the_same_report_and_bytes_in_whatever_order_they_are_listed(order, backwards):
    given = [answer(minutes(600 * n, DAY), FIRST + (1 + n // 2) * DAY, 3.0 * (n % 3)) for n in range(4)]  # two at once
    first, other = lake_of(*given), lake_of(*(given[n] for n in order), backwards=backwards)
    assert clean_bytes(first) == clean_bytes(other)
    assert first.objects.bodies == other.objects.bodies
    assert json.dumps(first.read_quality(SYMBOL, MONTH)) == json.dumps(other.read_quality(SYMBOL, MONTH))


def test_the_report_says_what_the_labels_mark_and_what_that_was_taken_from():
    report = cleaned(lake_of(answer(minutes(0, DAY), FIRST + DAY)))
    assert report["label_convention"] == report["label_evidence"]["convention"] == "start"
    assert report["label_evidence"]["taken_from"] == "stamps in UTC"


def test_a_month_of_a_currency_ends_at_midnight_utc_whatever_zone_the_source_states():
    s = load(_env_file=None, source="yahoo", symbols="EURUSD=X", exchange="24/5", minimum_coverage=0.0)
    midnight = int(np.datetime64("2024-08-01", "s").astype(np.int64))  # 01:00 in London's summer
    ts = np.arange(midnight - 7200, midnight, 60)
    rows = [[1.08, 1.081, 1.079, 1.0801 + minute % 7 / 1e4, 0] for minute in range(len(ts))]
    meta = {"exchangeTimezoneName": "Europe/London", "regularMarketTime": midnight}
    body = orjson.dumps([chart(ts.tolist(), rows, "EURUSD=X", **meta)])
    lake = lake_of(Response("yahoo", "EURUSD=X", "2024-07", {"chart": "EURUSD=X"}, midnight + 60.0, body, "a/json"))
    report = clean_symbol(s, {"symbol": "EURUSD=X", "months": ["2024-07"]}, lake)["months"]["2024-07"]
    bars = lake.read_month("EURUSD=X", "2024-07")
    assert epoch(bars["ts"]).tolist() == ts.tolist()
    assert (report["kept"], report["feed_gap_minutes"], report["zero_volume"]["bars"]) == (120, 22 * 60, 120)
    assert report["rules"]["periods"]


def test_a_month_with_rows_outside_of_sessions_alone_is_clean_and_empty() -> None:
    night = np.arange(FIRST - 3 * 3600, FIRST - 2 * 3600, 60)
    report = cleaned(lake := lake_of(answer(night, FIRST + DAY)))
    assert (report["rows_read"], report["extended_hours"], report["coverage"]) == (len(night), len(night), None)
    assert (report["feed_gap_minutes"], report["sessions"], lake.clean_months(SYMBOL)) == (0, {}, [])
