"""What becomes of a task that failed: it stays so, waits for the source's next day, or is tried again soon."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Context, RetryDecision, RetryPolicy, get_current_context

from dags.error_kinds import is_final, told
from stock_ml.domain.request_budget import next_day
from stock_ml.errors import DailyLimit

TRIES = 2  # after the first one, of a task that fails by itself
RETRIES = TRIES + 5  # as Airflow counts them: five more tries may be killed, as by a restart of the machine
DAYS = 30  # that a task waits for at most, one after the other, where each one's requests are spent
MARGIN = 300  # seconds after the source's midnight: clocks differ
FAILED = "failed"  # the XCom of a task that will not be tried again: `SymbolFailure`s


class ByKindOfError(RetryPolicy):
    """Fail at once where another try cannot help, wait where today's requests are spent, else try again soon.

    A task that fails by itself is tried again `TRIES` times. Airflow also counts tries that were killed or that waited.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        reason, context = f"{type(exception).__name__}: {exception}", context or get_current_context()
        if is_final(exception) or try_number > max_tries:
            return give_up(exception, reason, context)
        if isinstance(exception, DailyLimit):
            return another_day(reason, datetime.now(UTC).timestamp())
        if count_failure(context, max_tries) > TRIES:
            return give_up(exception, reason, context)
        return RetryDecision(reason=reason)


def count_failure(context: Context, max_tries: int) -> int:
    """Count this failure and return how many there are; Airflow raises `max_tries` where a person clears the task."""
    store, key = context["task_state_store"], f"failures_{max_tries}"
    stored = store.get(key, 0)
    count = (int(stored) if isinstance(stored, int | float) else 0) + 1
    store.set(key, count)
    return count


def give_up(exception: BaseException, reason: str, context: Context) -> RetryDecision:
    """Pass the reason to another task by XCom."""
    context["ti"].xcom_push(FAILED, [{"batch": context["ti"].map_index, "symbol": "", "reason": told(exception)}])
    return RetryDecision.fail(reason)


def another_day(reason: str, now: float) -> RetryDecision:
    until = next_day(now) + MARGIN
    text = f"{reason}; tried again after {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
    return RetryDecision.retry(timedelta(seconds=until - now), text)
