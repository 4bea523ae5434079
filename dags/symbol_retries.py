"""What becomes of a batch of which symbols failed: each stays so, waits for a day, or is tried again, by itself."""

from datetime import UTC, datetime

from airflow.sdk import Context, RetryAction, RetryDecision, get_current_context

from dags import symbol_tries
from dags.error_kinds import told
from dags.retries import FAILED, TRIES, ByKindOfError, another_day
from stock_ml.domain.ingest_records import SymbolFailure
from stock_ml.errors import BatchFailed, DailyLimit


class BySymbol(ByKindOfError):
    """Do for each symbol of a batch what `ByKindOfError` does for a task; any other error is the whole task's."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Retry while a symbol may become clean; else pass the reason of each that did not to another task by XCom."""
        context = context or get_current_context()
        if not isinstance(exception, BatchFailed):
            return self._whole(exception, try_number, max_tries, context)
        before, most = symbol_tries.read(context, max_tries), TRIES if try_number <= max_tries else -1
        tries = symbol_tries.count(before, exception.errors, most)
        symbol_tries.write(context, max_tries, tries)
        left = [error for symbol, error in exception.errors.items() if not tries[symbol]["reason"]]
        if not left:
            context["ti"].xcom_push(FAILED, _failures(tries, context))
            return RetryDecision.fail(str(exception))
        if all(isinstance(error, DailyLimit) for error in left):
            return another_day(told(left[0]), datetime.now(UTC).timestamp())
        return RetryDecision(reason=str(exception))

    def _whole(self, exception: BaseException, try_number: int, max_tries: int, context: Context) -> RetryDecision:
        """Decide by an error of the whole task, and pass on why symbols failed before it."""
        decision = super().evaluate(exception, try_number, max_tries, context)
        failures = _failures(symbol_tries.read(context, max_tries), context)
        if failures and decision.action is RetryAction.FAIL:
            whole: SymbolFailure = {"batch": context["ti"].map_index or 0, "symbol": "", "reason": told(exception)}
            context["ti"].xcom_push(FAILED, [*failures, whole])
        return decision


def _failures(tries: symbol_tries.Tries, context: Context) -> list[SymbolFailure]:
    batch = context["ti"].map_index or 0
    return [{"batch": batch, "symbol": name, "reason": why} for name, why in symbol_tries.reasons(tries).items()]
