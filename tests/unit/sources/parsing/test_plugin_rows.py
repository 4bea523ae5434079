"""A plug-in's parser gives rows of numbers; whatever else it gives is one error."""

from pathlib import Path

import pytest

from stock_ml.domain.calendar import sessions
from stock_ml.errors import BadFile
from stock_ml.sources.parsing import Response, detect_convention
from stock_ml.sources.parsing.plugin_rows import MOST, rows_of

OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York
RESPONSE = Response("mine", "A", "2024-03", {}, OPEN + 600.0, b"body", "text/plain")
ROW = (OPEN, 10.0, 11.0, 9.0, 10.5, 100.0)


def read(*rows: object) -> object:
    return rows_of(lambda _: rows, RESPONSE)  # type: ignore[arg-type,return-value]  # a stranger gives anything


def test_rows_are_stamped_with_their_opens_and_need_no_sign_of_what_labels_mark() -> None:
    rows = rows_of(lambda _: [ROW, (OPEN + 60, None, None, None, None, 0)], RESPONSE)
    assert rows["ts"].tolist() == [OPEN, OPEN + 60]
    assert rows["broken"].tolist() == ["", "no trade"]
    assert detect_convention(rows, sessions("XNYS")) == "start"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "finds no bars in it"),
        ([ROW[:5]], "no tuple of ts, open, high, low, close, volume"),
        ([list(ROW)], "no tuple of ts"),
        ([("2024-03-01", *ROW[1:])], "'2024-03-01' is no number"),
        ([(float(OPEN), *ROW[1:])], "is no number"),
        ([(*ROW[:5], "100")], "volume: '100' is no number"),
        ([(OPEN * 1000, *ROW[1:])], "is not of the years"),
        ([(OPEN + 86_400, *ROW[1:])], "is of the future; the plug-in must give UTC epoch seconds"),
        ([ROW] * (MOST + 1), "more than 1,000,000 rows"),
    ],
    ids=str.split("none short list text float volume milliseconds future many"),
)
def test_what_are_no_rows_is_refused(rows: list[object], says: str) -> None:
    with pytest.raises(BadFile, match=rf"^the answer of mine for A 2024-03.*{says}"):
        read(*rows)


def test_a_parser_that_raises_is_named_by_its_line() -> None:
    with pytest.raises(BadFile, match=rf"the plug-in's parser raised ZeroDivisionError at {Path(__file__)}:\d+"):
        rows_of(lambda body: [ROW] if body == 1 / 0 else [], RESPONSE)
