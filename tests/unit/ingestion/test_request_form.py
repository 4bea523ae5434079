"""What the form of `ingest_bars` may ask for, and what it is told where it may not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stock_ml.config import Settings, load
from stock_ml.errors import BadInput
from stock_ml.ingestion.request_form import IngestRequest, parse_form, session_request

NOW = datetime(2024, 3, 15, 15, tzinfo=UTC).timestamp()
S = load(source="sandbox", symbols="AAPL,GOOGL,MSFT")


def test_an_untouched_form_is_the_usual_history_of_all_symbols() -> None:
    untouched = {"symbols": ["AAPL", "GOOGL", "MSFT"], "from": None, "to": None, "source": "sandbox", "force": False}
    assert parse_form(S, untouched | {"symbols": None}, NOW) == IngestRequest(("AAPL", "GOOGL", "MSFT"))
    assert parse_form(S, untouched, NOW) == parse_form(S, {}, NOW) == IngestRequest(("AAPL", "GOOGL", "MSFT"))


@pytest.mark.parametrize(
    ("days", "months"),
    [
        ({"from": "2023-12-31", "to": "2024-02-01"}, ("2023-12", "2024-01", "2024-02")),
        ({"from": "2024-03-15"}, ("2024-03",)),  # today
        ({"to": "2024-02-10"}, ("2024-02",)),
        ({"from": "2024-02-10", "to": ""}, ("2024-02", "2024-03")),
    ],
)
def test_days_are_fetched_as_whole_months(days: dict[str, str], months: tuple[str, ...]) -> None:
    assert parse_form(S, {"symbols": ["googl"], **days, "force": True}, NOW) == IngestRequest(
        ("GOOGL",), months, force=True
    )


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"symbols": []}, "0 were given"),
        ({"symbols": ["NVDA"]}, "'NVDA' is none of AAPL"),
        ({"symbols": ["../../etc/passwd"]}, "is none of"),
        ({"symbols": ["GOOGL", "A/B"]}, "'A/B' is none of"),
        ({"symbols": [f"S{i}" for i in range(5000)]}, "5000 were given; choose 1 to 3"),
        ({"from": "2024-02-02", "to": "2024-02-01"}, "is after to"),
        ({"from": "2024-03-16", "to": "2024-03-20"}, "by the source's clock"),
        ({"from": "2024-03-01", "to": "2024-03-16"}, "by the source's clock"),
        ({"from": "2024-03-16"}, "is after to"),
        ({"from": "1999-12-31"}, "there are bars from 2000-01-01"),
        ({"from": "2001-01-01"}, "279 months are too many"),
        ({"from": "yesterday"}, "is no day"),
        ({"source": "oracle"}, "this installation is of sandbox"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(form: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        parse_form(S, form, NOW)


def test_a_file_is_read_whole(tmp_path: Any) -> None:
    s = load(source="csv", csv_path=tmp_path / "X.csv", symbols="X")
    assert parse_form(s, {"symbols": ["X"]}, NOW) == IngestRequest(("X",))
    with pytest.raises(BadInput, match="a file is read whole"):
        parse_form(s, {"from": "2024-01-01"}, NOW)


@pytest.mark.parametrize(("source", "months"), [("yahoo", ("2024-02",)), ("csv", None)])
def test_a_backfill_wants_the_month_of_its_session(source: str, months: tuple[str, ...] | None, tmp_path: Any) -> None:
    s: Settings = load(source=source, csv_path=tmp_path / "X.csv", symbols="X")
    assert session_request(s, datetime(2024, 2, 29, 14, 30, tzinfo=UTC)) == IngestRequest(("X",), months)


def test_a_session_that_opens_on_the_evening_before_its_month_is_of_its_own_month() -> None:
    s: Settings = load(source="yahoo", exchange="CMES", symbols="ES=F")
    assert session_request(s, datetime(2024, 2, 29, 23, tzinfo=UTC)).months == ("2024-03",)
