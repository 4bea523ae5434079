"""Report what the watchdog does: to its log, to the people of STOCKML_NOTIFY, and to PostgreSQL for `doctor`."""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor

from local.watchdog.rule import Verdict
from serving.common.heartbeat import Throttle
from stock_ml.adapters.notifier import notify
from stock_ml.adapters.postgres.service_states import WATCHDOG, Restart, ServiceStates, WatchdogReport
from stock_ml.config import Settings
from stock_ml.errors import BadSetting, StoreUnavailable

log = logging.getLogger(__name__)
KEPT = 20  # restarts


class Reporter:
    """Report from threads of its own: neither a mail server nor a PostgreSQL that hangs holds the watchdog up."""

    def __init__(self, s: Settings) -> None:
        self._s, self._states = s, ServiceStates.connect(s)
        self._notifier, self._writer = ThreadPoolExecutor(1, "notify"), ThreadPoolExecutor(1, "report")
        self._writing: Future[None] | None = None
        self._restarts: list[Restart] = []
        self._silent: dict[str, str] = {}
        self._are_read, self._throttle = False, Throttle()

    def report(self, verdict: Verdict) -> None:
        """Log a verdict and notify people of it."""
        title, body = words(verdict)
        log.warning("%s: %s", title, body)
        self._note(verdict)
        self._notifier.submit(self._notify, title, body)

    def write(self) -> None:
        """Store what was done lately, and that the watchdog looks; a write that is not done yet is not doubled."""
        if self._writing is None or self._writing.done():
            self._writing = self._writer.submit(self._write)

    def _note(self, verdict: Verdict) -> None:
        name = verdict.target.name
        if verdict.action == "restart":
            program = verdict.target.program or name
            self._restarts.append({"at": time.time(), "program": program, "reason": verdict.reason})
        elif verdict.action == "silent":
            self._silent[name] = verdict.reason
        else:
            self._silent.pop(name, None)

    def _notify(self, title: str, body: str) -> None:
        try:
            notify(self._s, title, body)
        except BadSetting as error:
            log.error("nobody was notified: %s", error)

    def _write(self) -> None:
        try:
            if not self._are_read:
                before = self._states.read(WATCHDOG)
                self._restarts = [*(before.state["restarts"] if before else []), *self._restarts]
                self._are_read = True
            report = WatchdogReport(restarts=self._restarts[-KEPT:], silent=dict(self._silent))
            self._states.write(WATCHDOG, report)
            self._throttle.warn(None)
        except StoreUnavailable as error:
            self._throttle.warn(f"report not stored: {type(error).__name__}")


def words(verdict: Verdict) -> tuple[str, str]:
    """Return a verdict as a title and a text for people."""
    target, seconds = verdict.target, f"{verdict.seconds:.0f} s"
    match verdict.action:
        case "restart":
            lead = f"{target.program} hung and is restarted"
            return lead, f"{target.name} gave no sign of life for {seconds}: {verdict.reason}"
        case "silent":
            return f"{target.name} is silent", f"for {seconds}: {verdict.reason}; {_advice(verdict)}"
    return f"{target.name} is back", f"after {seconds}"


def _advice(verdict: Verdict) -> str:
    if verdict.seconds < verdict.target.patience:
        return "it is restarted if it stays so"
    if verdict.target.program is not None:
        return "it was restarted already, and is again after a pause; see `make logs NAME=watchdog`"
    return "the watchdog cannot restart it; see `./stockml doctor`"
