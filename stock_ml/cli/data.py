"""`stockml data`: what there is of the bars, and what an ingest would ask for."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stock_ml.cleaning.month_inventory import Inventory, inventory
from stock_ml.cli.calendar_heatmap import LEGEND, picture
from stock_ml.cli.installation import settings
from stock_ml.config import CALLED_IN
from stock_ml.domain.ingest_records import Gap, QualityReport, SharedGap
from stock_ml.errors import BadInput, HostError, NoBars
from stock_ml.ingestion.plan import make_plan, work

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="What there is of the bars, what is missing, and why.")
SHOWN = 12  # of each kind, newest first


@app.command()
def report(symbol: str) -> None:
    """Show what there is of a symbol, what is missing, and why, as a table and a calendar."""
    found = inventory(settings(), symbol.upper())
    console = Console(highlight=False, soft_wrap=True)
    console.print(counts(found))
    sessions = {month: report["sessions"] for month, report in found.months.items()}
    sessions |= {month: {} for month in found.absent}
    console.print(Group(*picture(dict(sorted(sessions.items())), found.due), Text.from_markup(LEGEND)))
    for line in remarks(found):
        console.print(escape(line))


@app.command()
def plan() -> None:
    """Show what an ingest would ask the source for, and how long that takes on this tier."""
    made = make_plan(settings())
    console = Console(highlight=False, soft_wrap=True)
    console.print(escape(made.summary()))
    for item in made.items:
        console.print(escape(f"{item['symbol']}: {work(item)}"))


@app.command()
def export(
    symbol: str,
    form: Annotated[Literal["csv", "parquet"], typer.Option("--format")] = "csv",
    first: Annotated[str, typer.Option("--from", help="first session, YYYY-MM-DD")] = "",
    last: Annotated[str, typer.Option("--to", help="last session, YYYY-MM-DD")] = "",
    to_file: Annotated[Path | None, typer.Option(help="a new file; standard output by default")] = None,
) -> None:
    """Write the clean bars of a symbol as CSV or Parquet; `ts` is a bar's open in UTC, prices are as in the lake."""
    from stock_ml.cleaning.clean_bars import SessionSpan, clean_bars  # pandas takes a second

    span = SessionSpan.of(first or None, last or None)
    bars = clean_bars(settings(), [symbol.upper()], span)
    if bars.empty:
        raise NoBars(f"no clean bars of {symbol.upper()!r:.40} in these sessions: see `stockml data report`")
    body = encoded(bars, form)
    if to_file is None:
        _print(body, form)
    else:
        write_new(Path(os.environ.get(CALLED_IN, "")) / to_file, body)
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"{len(bars):,} bars in {to_file}", markup=False)


def encoded(bars: "pd.DataFrame", form: str) -> bytes:
    """Return bars in the columns of the record, as CSV with times in ISO 8601, or as Parquet."""
    from stock_ml.adapters.lake import parquet
    from stock_ml.domain.bars import COLUMNS

    if form == "parquet":
        return parquet.to_bytes(bars)
    stamps = bars["ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return bars[COLUMNS].assign(ts=stamps).to_csv(index=False).encode()


def write_new(path: Path, body: bytes) -> None:
    """Write a file that is not there yet. Raises BadInput where it is, HostError where it cannot be written."""
    try:
        with path.open("xb") as file, _removed_unless_whole(path):
            file.write(body)
            file.flush()
    except FileExistsError:
        raise BadInput(f"{path} exists, and stays as it is: remove it, or name another file") from None
    except OSError as error:
        raise HostError(f"{path} cannot be written ({error.strerror}): name a file in another folder") from None


@contextmanager
def _removed_unless_whole(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError:  # as where the disk is full
        path.unlink()
        raise


def _print(body: bytes, form: str) -> None:
    if form == "parquet" and sys.stdout.isatty():
        raise BadInput("Parquet is no text for a terminal: name a file with --to-file, or redirect it")
    sys.stdout.buffer.write(body)
    sys.stdout.flush()


def counts(found: Inventory) -> Table:
    """Return a row a month, and their sum: what became of its rows, and of its minutes."""
    names = ("month", "rows", "kept", "extended", "refused", "filled", "gap min", "coverage")
    table = Table(*names, box=box.SIMPLE, title=f"Bars of {found.symbol}")
    rows = [_numbers(report) for report in found.months.values()]
    for (month, report), numbers in zip(found.months.items(), rows, strict=True):
        share = "-" if report["coverage"] is None else f"{report['coverage']:.1%}"
        table.add_row(month, *(f"{number:,}" for number in numbers), share)
    if len(rows) > 1:
        table.add_section()
        table.add_row("all", *(f"{sum(column):,}" for column in zip(*rows, strict=True)), "")
    return table


def _numbers(report: QualityReport) -> list[int]:
    read = [report["rows_read"], report["kept"], report["extended_hours"], sum(report["refused"].values())]
    return [*read, report["filled"], report["feed_gap_minutes"]]


def remarks(found: Inventory) -> list[str]:
    """Return in words what the table and the calendar do not say."""
    sessions = {day: n["received"] for report in found.months.values() for day, n in report["sessions"].items()}
    labels = " and ".join(sorted({_labels(report) for report in found.months.values()}))
    lines = [f"labels mark a bar's {labels}; {sum(sessions.values()):,} minutes in {len(sessions)} sessions"]
    lines += [f"minutes a session, newest: {', '.join(f'{day} {n}' for day, n in list(sessions.items())[-SHOWN:])}"]
    gaps = [_hole(gap) for r in found.months.values() for gap in r["feed_gaps"] if gap not in found.halts]
    halts, shared = [_hole(gap) for gap in found.halts], [_hole(gap) for gap in found.shared]
    refused = [f"{n} {why}" for report in found.months.values() for why, n in report["refused"].items()]
    untraded = [f"{n} in {at}" for at, month in found.months.items() if (n := month.get("no_trade", 0))]
    clipped = [f"{n} in {at}" for at, month in found.months.items() if (n := month.get("clipped", 0))]
    revised = [f"{at} {r['changed']} min" for at, m in found.months.items() for r in m.get("revisions", [])]
    closed = [f"{day} {minutes} min" for day, minutes in found.closed.items()]
    split = [f"{one.session} {one.ratio:g}:1" for one in found.splits]
    kinds = {"feed gaps": gaps, "halted while others traded": halts, "missing in all symbols": shared}
    kinds |= {"rows refused": refused, "closed": closed}
    official = [
        f"{day} {at['price']:g}" for r in found.months.values() for day, at in r.get("official_closes", {}).items()
    ]
    kinds |= {
        "official closes": official,
        "rows without a trade": untraded,
        "high or low widened by a rounding": clipped,
    }
    kinds |= {"months without clean bars": [f"{month} {why}" for month, why in found.absent.items()]}
    unknown = {day: n for report in found.months.values() for day, n in report.get("unknown_days", {}).items()}
    kinds |= {"traded on days that the calendar does not know": [f"{day} {n} rows" for day, n in unknown.items()]}
    kinds |= {"revised by the source": revised, "splits": split, "still to be asked for": found.left}
    return (lines if sessions else []) + [_listed(name, words) for name, words in kinds.items() if words]


def _hole(gap: Gap | SharedGap) -> str:
    return f"{gap['from'][:16]} {gap['minutes']} min"


def _labels(report: QualityReport) -> str:
    finding = report.get("label_evidence")  # reports of before have none
    source = f", by {finding['taken_from']} ({finding['sure']} signs of their own)" if finding else ""
    return f"{report['label_convention']}{source}"


def _listed(name: str, words: list[str]) -> str:
    more = f" and {len(words) - SHOWN} earlier" if len(words) > SHOWN else ""
    return f"{name} ({len(words)}): {', '.join(words[-SHOWN:])}{more}"
