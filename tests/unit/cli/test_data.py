"""What the report of a symbol says in words."""

from dataclasses import replace
from typing import Any

from rich.console import Console

from stock_ml.cleaning.month_inventory import Inventory
from stock_ml.cli.data import counts, remarks
from stock_ml.domain.splits import Split

REPORT: dict[str, Any] = {
    "rows_read": 1200,
    "kept": 1000,
    "extended_hours": 190,
    "refused": {"high below low": 10},
    "no_trade": 4,
    "clipped": 3,
    "official_closes": {"2024-03-04": {"ts": "2024-03-04T21:00:00+00:00", "price": 101.25, "volume": 0.0}},
    "filled": 40,
    "feed_gap_minutes": 90,
    "feed_gaps": [{"from": "2024-03-05T15:00:00+00:00", "minutes": 90}],
    "coverage": 0.912,
    "label_convention": "end",
    "revisions": [{"changed": 7}],
    "sessions": {"2024-03-04": {"received": 390}, "2024-03-05": {"received": 300}},
    "closed_minutes": {},
}
HOLE = {"exchange": "XNYS", "from": "2024-03-05T15:00:00+00:00", "minutes": 90}
HALT = {"from": "2024-03-04T18:00:00+00:00", "minutes": 20}
FOUND = Inventory(
    "GOOGL", {"2024-03": REPORT}, {}, {"2024-03-29": 390}, [Split("2024-03-05", 20.0)], [HOLE], [HALT], ["2023-01"], {}
)


def test_every_reason_for_a_missing_minute_is_named() -> None:
    assert remarks(FOUND) == [
        "labels mark a bar's end; 690 minutes in 2 sessions",
        "minutes a session, newest: 2024-03-04 390, 2024-03-05 300",
        "feed gaps (1): 2024-03-05T15:00 90 min",
        "halted while others traded (1): 2024-03-04T18:00 20 min",
        "missing in all symbols (1): 2024-03-05T15:00 90 min",
        "rows refused (1): 10 high below low",
        "closed (1): 2024-03-29 390 min",
        "official closes (1): 2024-03-04 101.25",
        "rows without a trade (1): 4 in 2024-03",
        "high or low widened by a rounding (1): 3 in 2024-03",
        "revised by the source (1): 2024-03 7 min",
        "splits (1): 2024-03-05 20:1",
        "still to be asked for (1): 2023-01",
    ]


def test_what_the_labels_mean_is_told_with_its_source() -> None:
    evidence = {"taken_from": "its own bars", "sure": "strong"}
    line = remarks(Inventory("A", {"2024-03": REPORT | {"label_evidence": evidence}}, {}, {}, [], [], [], [], {}))[0]
    assert line.startswith("labels mark a bar's end, by its own bars (strong signs of their own); 690 minutes")


def test_a_long_list_shows_its_newest_and_counts_the_rest() -> None:
    closed = {f"2024-01-{day:02}": 390 for day in range(1, 16)}
    line = next(
        line
        for line in remarks(Inventory("A", {"2024-03": REPORT}, {}, closed, [], [], [], [], {}))
        if "closed" in line
    )
    assert line.startswith("closed (15): 2024-01-04 390 min, ")
    assert line.endswith("2024-01-15 390 min and 3 earlier")


def test_a_month_that_is_not_there_is_named_with_the_reason() -> None:
    lacking = Inventory("A", {}, {}, {}, [], [], [], [], {"2024-01": "never received", "2024-02": "2.0% of the rows"})
    assert remarks(lacking) == ["months without clean bars (2): 2024-01 never received, 2024-02 2.0% of the rows"]


def test_the_table_sums_the_months_up() -> None:
    with (console := Console(width=100)).capture() as capture:
        console.print(counts(replace(FOUND, months={"2024-03": REPORT, "2024-04": REPORT})))
    assert capture.get().split()[-7:] == ["all", "2,400", "2,000", "380", "20", "80", "180"]


def test_the_table_counts_rows_and_minutes() -> None:
    with (console := Console(width=100)).capture() as capture:
        console.print(counts(FOUND))
    assert capture.get().split()[-8:] == ["2024-03", "1,200", "1,000", "190", "10", "40", "90", "91.2%"]
