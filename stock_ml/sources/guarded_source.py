"""Hold the source of another package to its contract at each call: what it raises, how long it takes, what it gives."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from threading import Thread
from typing import TypeVar

from stock_ml.errors import ContractBroken, StockMLError, TimedOut
from stock_ml.source_plugins import raised_at
from stock_ml.sources.http_body import MAX_BYTES
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import RequestLimiter, Source

Given = TypeVar("Given")
AHEAD = 300.0  # seconds that the source's clock may be before this machine's


@dataclass
class Progress:
    """Tell since when a source is busy with a request, inf while the limiter waits: that time is not the source's."""

    limiter: RequestLimiter
    clock: Callable[[], float] = time.monotonic
    since: float = 0.0

    def __call__(self) -> None:
        """Wait as the limiter does."""
        self.since = inf
        try:
            self.limiter()
        finally:
            self.since = self.clock()


@dataclass
class GuardedSource:
    """Raise one typed error for each way in which a source breaks its contract.

    A call has `deadline` seconds for each request. One that does not return is left behind, as no thread can be ended;
    until it returns the same symbol is not asked for again, so there are at most as many as symbols.
    """

    source: Source
    name: str
    deadline: float
    progress: Progress
    _busy: dict[str, Thread] = field(default_factory=dict)

    def fetch(self, symbol: str, month: str) -> Response:
        """Return all bars of a symbol's month YYYY-MM."""
        return self._checked(symbol, month, lambda: self.source.fetch(symbol, month))

    def newest(self, symbol: str) -> Response:
        """Return a symbol's newest bars."""
        return self._checked(symbol, None, lambda: self.source.newest(symbol))

    def _checked(self, symbol: str, month: str | None, call: Callable[[], Response]) -> Response:
        where = f"source {self.name}, {symbol} {month or 'now'}"
        response = guarded(where, lambda: self._in_time(symbol, where, call))
        if fault := contract_fault(response, self.name, symbol, month, time.time()):
            raise ContractBroken(f"{where}: the plug-in gave {fault}; its author must mend it")
        return response

    def _in_time(self, symbol: str, where: str, call: Callable[[], Response]) -> Response:
        before = self._busy.get(symbol)
        if before is not None and before.is_alive():
            raise TimedOut(f"{where}: an earlier call has not returned yet; start this process again if it stays so")
        result: Future[Response] = Future()
        self._busy[symbol] = worker = Thread(target=_settle, args=(result, call), daemon=True, name=where)
        self.progress.since = self.progress.clock()
        worker.start()
        while worker.is_alive():
            now = self.progress.clock()  # before `since`, which only grows
            left = self.progress.since + self.deadline - now
            if left <= 0:
                raise TimedOut(f"{where} did not answer within {self.deadline:.0f} s; see the network and the plug-in")
            worker.join(min(left, self.deadline))
        return result.result()


def guarded(where: str, call: Callable[[], Given]) -> Given:
    """Return what a call of a plug-in gives. Raises ContractBroken, naming `where`, for what no source may raise."""
    try:
        return call()
    except StockMLError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's code may raise anything
        raise ContractBroken(f"{where}: the plug-in raised {raised_at(error)}; its author must mend it") from None


def contract_fault(response: object, name: str, symbol: str, month: str | None, now: float) -> str:
    """Return in which way a response is none of what was asked for at `now`, "" where it is."""
    if not isinstance(response, Response):
        return f"a {type(response).__name__}, no Response"
    if (response.source, response.symbol, response.month) != (name, symbol, month):
        given = (response.source, response.symbol, response.month)
        return f"the response of (source, symbol, month) {given!r:.120} for {(name, symbol, month)}"
    if not isinstance(response.body, bytes) or not 0 < len(response.body) <= MAX_BYTES:
        return f"a body that is not of 1 to {MAX_BYTES >> 20:,} MiB of bytes"
    if not isinstance(response.fetched_at, float) or not 0 < response.fetched_at <= now + AHEAD:
        return f"fetched_at {response.fetched_at!r:.40}, no time up to now in UTC epoch seconds; see the clocks too"
    return ""


def _settle(result: Future[Response], call: Callable[[], Response]) -> None:
    try:
        result.set_result(call())
    except BaseException as error:  # noqa: BLE001  # whatever it is, the caller gets it
        result.set_exception(error)
