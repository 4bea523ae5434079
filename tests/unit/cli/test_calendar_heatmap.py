"""A day's mark says how much of its session is there."""

from stock_ml.cli.calendar_heatmap import picture
from stock_ml.domain.ingest_records import SessionCount


def session(received: int, filled: int = 0) -> SessionCount:
    return {"received": received, "filled": filled, "minutes": received + filled}


MONTHS: dict[str, dict[str, SessionCount]] = {
    "2024-02": {"2024-02-28": session(300, 90), "2024-02-29": session(380)},
    "2024-03": {
        "2024-03-01": session(250),
        "2024-03-04": session(10),
        "2024-03-06": session(389, 1),
        "2024-03-07": session(100),
    },
}
DUE = {f"2024-0{month}-{day:02}": 390 for month, day in [(2, 27), (2, 28), (2, 29), *((3, d) for d in (1, 4, 5, 6, 8))]}


def test_each_day_has_its_mark_and_nothing_stands_before_the_first_and_after_the_last_session() -> None:
    february, march = (line.plain for line in picture(MONTHS, DUE | {"2024-03-07": 200}))
    assert february == "2024-02  " + " " * 27 + "█▓"
    assert march == "2024-03  ▒··░×█░" + " " * 24


def test_nothing_known_is_nothing_to_draw() -> None:
    assert list(picture({}, {})) == []
