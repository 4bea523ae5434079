"""Which errors of a source are retried, how often, and after how long."""

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_chain,
    wait_exponential_jitter,
    wait_fixed,
)

from stock_ml.errors import BurstLimit, NoNetwork, SourceUnavailable

UNAVAILABLE_WAIT = wait_exponential_jitter(initial=1, max=8)
BURST_WAIT = wait_chain(
    wait_fixed(2), wait_fixed(20), wait_fixed(40)
)  # seconds: over the second's limit, or the minute's


def _wait(state: RetryCallState) -> float:
    burst = state.outcome is not None and isinstance(state.outcome.exception(), BurstLimit)
    return BURST_WAIT(state) if burst else UNAVAILABLE_WAIT(state)


def _may_help(error: BaseException) -> bool:
    return isinstance(error, BurstLimit | SourceUnavailable) and not isinstance(error, NoNetwork)


RETRIES = Retrying(
    stop=stop_after_attempt(4),
    wait=_wait,
    retry=retry_if_exception(_may_help),
    reraise=True,
)
