"""Count the tries of each symbol of a batch, and remember why one is not tried again; Airflow keeps it for the task."""

from collections.abc import Mapping
from typing import Any, cast

from airflow.sdk import Context, get_current_context

from dags.error_kinds import is_final, told
from stock_ml.errors import BatchUnfinished, DailyLimit

Tries = dict[str, dict[str, Any]]  # by symbol its `failures`, and the `reason` that ended its tries, "" before


def count(before: Tries, errors: Mapping[str, BaseException], most: int) -> Tries:
    """Return the tries of symbols after one in which some failed; `most` failures may be tried again, none below 0.

    Waiting, for the source's next day or for a symbol's turn, is no failure.
    """
    tries = dict(before)
    for symbol, error in errors.items():
        waits = isinstance(error, DailyLimit | BatchUnfinished)
        failures = before.get(symbol, {"failures": 0})["failures"] + (not waits)
        is_last = most < 0 or (failures > most and not waits)
        tries[symbol] = {"failures": failures, "reason": told(error) if is_last or is_final(error) else ""}
    return tries


def reasons(tries: Tries) -> dict[str, str]:
    """Return the symbols that are not tried again, each with the reason."""
    return {symbol: known["reason"] for symbol, known in tries.items() if known["reason"]}


def failed_symbols() -> list[str]:
    """Return the symbols of this task's batch that are not tried again."""
    context = get_current_context()
    return list(reasons(read(context, context["ti"].max_tries)))


def read(context: Context, max_tries: int) -> Tries:
    """Return the tries so far; Airflow raises `max_tries` where a person clears the task, and then there are none."""
    return cast(Tries, context["task_state_store"].get(_key(max_tries), {}))


def write(context: Context, max_tries: int, tries: Tries) -> None:
    """Keep the tries until the next one."""
    context["task_state_store"].set(_key(max_tries), cast(Any, tries))


def _key(max_tries: int) -> str:
    return f"symbols_{max_tries}"
