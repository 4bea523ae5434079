"""A calendar of sessions in the terminal: one line a month, one mark a day, darker where minutes are missing."""

from collections.abc import Iterable, Mapping

import numpy as np
from rich.text import Text

from stock_ml.domain.ingest_records import SessionCount

SHADES = ((0.999, "█", "green"), (0.9, "▓", "green"), (0.6, "▒", "yellow"), (1e-9, "░", "red"))
NOTHING, CLOSED = ("×", "bold red"), ("·", "dim")
LEGEND = (
    "[green]█[/] every minute is there  [green]▓[/] from 90 %  [yellow]▒[/] from 60 %  [red]░[/] less  "
    "[bold red]×[/] none  [dim]·[/] closed"
)


def picture(months: Mapping[str, Mapping[str, SessionCount]], due: Mapping[str, int]) -> Iterable[Text]:
    """Return a line for each month of sessions: a day's mark says how many of its due minutes are there or filled.

    `due` is the length of each session in minutes by its date YYYY-MM-DD.
    """
    known = [day for sessions in months.values() for day in sessions]
    first_day, last_day = min(known, default=""), max(known, default="")
    for month, sessions in months.items():
        first = np.datetime64(month, "M")
        days = np.arange(first.astype("datetime64[D]"), (first + 1).astype("datetime64[D]")).astype(str)
        line = Text(f"{month}  ")
        for day in days:
            is_shown = first_day <= day <= last_day
            line.append(*_mark(sessions.get(day), due.get(day)) if is_shown else (" ", ""))
        yield line


def _mark(session: SessionCount | None, due: int | None) -> tuple[str, str]:
    if due is None:
        return CLOSED
    share = (session["received"] + session["filled"]) / due if session else 0.0
    return next(((mark, style) for least, mark, style in SHADES if share >= least), NOTHING)
