"""What becomes of a task that failed: it stays so, waits for the source's next day, or is tried again soon."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Context, RetryDecision, RetryPolicy, get_current_context

from stock_ml import errors
from stock_ml.domain.request_budget import next_day

TRIES = 2  # after the first one, of a task that fails by itself
RETRIES = TRIES + 5  # as Airflow counts them: five more tries may be killed, as by a restart of the machine
DAYS = 30  # that a task waits for at most, one after the other, where each one's requests are spent
MARGIN = 300  # seconds after the source's midnight: clocks differ
FAILED = "failed"  # the XCom of a task that will not be tried again
FINAL = (
    *(errors.BadInput, errors.BadKey, errors.NoBars, errors.PremiumEndpoint, errors.TooLarge, errors.NoNetwork),
    errors.RegistryRefused,
    *(errors.HostError, errors.TooLittleHistory, errors.SchemaMismatch, errors.ParityError, errors.TooFewSymbols),
)


class ByKindOfError(RetryPolicy):
    """Fail at once where another try cannot help, wait where today's requests are spent, else try again soon.

    A task that fails by itself is tried again `TRIES` times. Airflow also counts tries that were killed or that waited.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        reason, context = f"{type(exception).__name__}: {exception}", context or get_current_context()
        if _is_final(exception) or try_number > max_tries:
            return _failed(exception, reason, context)
        if isinstance(exception, errors.DailyLimit):
            return _another_day(reason, datetime.now(UTC).timestamp())
        if _failures(context, max_tries) > TRIES:
            return _failed(exception, reason, context)
        return RetryDecision(reason=reason)


def _is_final(exception: BaseException) -> bool:
    """Say whether another try cannot help; what labels mark may be clear once other symbols of the source are clean."""
    return isinstance(exception, FINAL) and not isinstance(exception, errors.AmbiguousTimestamps)


def _failures(context: Context, max_tries: int) -> int:
    """Count this failure and return how many there are; Airflow raises `max_tries` where a person clears the task."""
    store, key = context["task_state_store"], f"failures_{max_tries}"
    stored = store.get(key, 0)
    count = (int(stored) if isinstance(stored, int | float) else 0) + 1
    store.set(key, count)
    return count


def _failed(exception: BaseException, reason: str, context: Context) -> RetryDecision:
    """Pass the reason to another task by XCom; the text of foreign errors may hold a secret, and is left out."""
    text = reason if isinstance(exception, errors.StockMLError) else f"{type(exception).__name__}, see its log"
    context["ti"].xcom_push(FAILED, {"map_index": context["ti"].map_index, "reason": text[:500]})
    return RetryDecision.fail(reason)


def _another_day(reason: str, now: float) -> RetryDecision:
    until = next_day(now) + MARGIN
    text = f"{reason}; tried again after {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
    return RetryDecision.retry(timedelta(seconds=until - now), text)
