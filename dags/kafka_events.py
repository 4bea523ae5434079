"""What Airflow's triggerer makes of the messages that it watches for: an event, or nothing."""

import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)
AGAIN = 240.0  # seconds in which the same alert is one; the monitor tells an open one again after more
_passed_on: dict[str, float] = {}


def closed_session(message: Any) -> dict[str, Any] | None:
    """Return the session that a message announces as closed, None where it cannot be read."""
    from stock_ml.adapters.broker.messages import decode_session

    return _read(message, decode_session)


def alert(message: Any) -> dict[str, Any] | None:
    """Return the alert in a message, None where it cannot be read, or was passed on a moment ago."""
    from stock_ml.adapters.broker.alerts import decode_alert

    found = _read(message, decode_alert)
    return None if found is None or _is_repeated(str(found)) else found


def _is_repeated(what: str) -> bool:
    now = time.monotonic()
    for known in [known for known, at in _passed_on.items() if now - at >= AGAIN]:
        del _passed_on[known]
    if what in _passed_on:
        return True
    _passed_on[what] = now
    return False


def _read(message: Any, decode: Callable[[bytes | None], Any]) -> dict[str, Any] | None:
    from stock_ml.errors import BadMessage

    try:
        return dict(decode(message.value())._asdict())
    except BadMessage as error:
        log.warning("message %s of %s is passed over: %s", message.offset(), message.topic(), error)
        return None
