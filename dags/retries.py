"""What becomes of a task that failed: it stays so, waits for the source's next day, or is tried again soon."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from stock_ml import errors
from stock_ml.domain.request_budget import next_day

TRIES = 2  # after the first, of what may go through soon
DAYS = 30  # that a task waits for at most, one after the other, where each one's requests are spent
MARGIN = 300  # seconds after the source's midnight: clocks differ
WAITED = "waited"
FAILED = "failed"  # the XCom of a task that will not be tried again
FINAL = (
    *(errors.BadInput, errors.BadKey, errors.NoBars, errors.PremiumEndpoint, errors.TooLarge, errors.NoNetwork),
    *(errors.HostError, errors.TooLittleHistory, errors.SchemaMismatch, errors.ParityError, errors.TooFewSymbols),
)


class ByKindOfError(RetryPolicy):
    """Fail at once where another try cannot help, wait where today's requests are spent, else try again soon.

    The reason stands last in the task's log. Each wait takes one of the task's retries: a task that may have to wait
    has `DAYS` more of them, and what fails otherwise is tried again `TRIES` times all the same.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        reason = f"{type(exception).__name__}: {exception}"
        if isinstance(exception, FINAL) or try_number > max_tries:
            return _failed(exception, reason, context["ti"])
        waits = context["task_state_store"]
        if isinstance(exception, errors.DailyLimit):
            waits.set(WAITED, waits.get(WAITED, 0) + 1)
            return _another_day(reason, time.time())
        # since the run began, or a person cleared the task
        tried = try_number - (max_tries - context["task"].retries) - waits.get(WAITED, 0)
        return RetryDecision(reason=reason) if tried <= TRIES else _failed(exception, reason, context["ti"])


def _failed(exception: BaseException, reason: str, ti: Any) -> RetryDecision:
    """Leave the reason where another task reads it; only the project's own errors tell no secret."""
    told = reason if isinstance(exception, errors.StockMLError) else f"{type(exception).__name__}, see its log"
    ti.xcom_push(FAILED, {"map_index": ti.map_index, "reason": told[:500]})
    return RetryDecision.fail(reason)


def _another_day(reason: str, now: float) -> RetryDecision:
    until = next_day(now) + MARGIN
    told = f"{reason}; tried again after {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
    return RetryDecision.retry(timedelta(seconds=until - now), told)
