"""One check, and how many of them are done at once."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from stock_ml.config import Settings
from stock_ml.errors import StockMLError

State = Literal["ok", "note", "bad"]


class Finding(NamedTuple):
    """Say how a part is: `message` is what was seen, `advice` what to do about it, "" where nothing is to be done."""

    part: str
    state: State
    message: str
    advice: str = ""


class CheckResult(NamedTuple):
    """Hold what a check found: `note` asks for attention, and is no failure."""

    message: str
    advice: str = ""
    state: State = "ok"


Check = Callable[[Settings], CheckResult]


def examine(s: Settings, checks: Mapping[str, tuple[Check, str]]) -> list[Finding]:
    """Do all checks at once and return what each found; one that raises is bad, with its advice.

    `checks` are by the part's name the check, and what to do where it fails.
    """
    with ThreadPoolExecutor(len(checks)) as pool:
        futures = {part: pool.submit(_run_check, s, part, *check) for part, check in checks.items()}
        return [found.result() for found in futures.values()]


def _run_check(s: Settings, part: str, check: Check, advice: str) -> Finding:
    try:
        result = check(s)
    except StockMLError as error:
        return Finding(part, "bad", f"{type(error).__name__}: {error}", advice)
    return Finding(part, result.state, result.message, result.advice)
