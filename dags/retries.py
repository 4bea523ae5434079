"""What becomes of a task that failed: it stays so, waits for the source's next day, or is tried again soon."""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy, get_current_context

from stock_ml import errors
from stock_ml.domain.request_budget import next_day

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

TRIES = 2  # after the first one, of a task that fails by itself
KILLS = 5  # tries that may be killed, as by a restart of the machine, before the tries above become fewer
DAYS = 30  # that a task waits for at most, one after the other, where each one's requests are spent
RETRIES = TRIES + KILLS  # as Airflow counts them: every try, whatever ended it
MARGIN = 300  # seconds after the source's midnight: clocks differ
FAILED = "failed"  # the XCom of a task that will not be tried again
FINAL = (
    *(errors.BadInput, errors.BadKey, errors.NoBars, errors.PremiumEndpoint, errors.TooLarge, errors.NoNetwork),
    *(errors.HostError, errors.TooLittleHistory, errors.SchemaMismatch, errors.ParityError, errors.TooFewSymbols),
)


class ByKindOfError(RetryPolicy):
    """Fail at once where another try cannot help, wait where today's requests are spent, else try again soon.

    The reason is the last line of the task's log. A task that fails by itself is tried again `TRIES` times: Airflow
    counts every try, and its `retries` leave room for tries that were killed, or that wait for another day.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: "Context | None" = None
    ) -> RetryDecision:
        context = context or get_current_context()
        reason = f"{type(exception).__name__}: {exception}"
        if isinstance(exception, FINAL) or try_number > max_tries:
            return _failed(exception, reason, context["ti"])
        if isinstance(exception, errors.DailyLimit):
            return _another_day(reason, time.time())
        if _failures(context["task_state_store"], max_tries) > TRIES:
            return _failed(exception, reason, context["ti"])
        return RetryDecision(reason=reason)


def _failures(store: "TaskStateStoreAccessor", max_tries: int) -> int:
    """Count this failure and return how many there are; Airflow raises `max_tries` where a person clears the task."""
    key = f"failures_{max_tries}"
    stored = store.get(key, 0)
    count = (stored if isinstance(stored, int) else 0) + 1
    store.set(key, count)
    return count


def _failed(exception: BaseException, reason: str, ti: "RuntimeTaskInstanceProtocol") -> RetryDecision:
    """Pass the reason to another task by XCom; the text of foreign errors may hold a secret, and is left out."""
    text = reason if isinstance(exception, errors.StockMLError) else f"{type(exception).__name__}, see its log"
    ti.xcom_push(FAILED, {"map_index": ti.map_index, "reason": text[:500]})
    return RetryDecision.fail(reason)


def _another_day(reason: str, now: float) -> RetryDecision:
    until = next_day(now) + MARGIN
    text = f"{reason}; tried again after {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
    return RetryDecision.retry(timedelta(seconds=until - now), text)
