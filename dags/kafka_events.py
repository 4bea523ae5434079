"""What Airflow's triggerer makes of the messages that it watches for: an event, or nothing."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stock_ml.domain.json_object import JsonObject

if TYPE_CHECKING:
    from confluent_kafka import Message

    from stock_ml.adapters.broker import ClosedSession
    from stock_ml.evaluation.live_performance import Alert

log = logging.getLogger(__name__)
AGAIN = 240.0  # seconds in which the same alert is one; the monitor repeats an open one after more
_recent_alerts: dict[str, float] = {}


def closed_session(message: "Message") -> JsonObject | None:
    """Return the session that a message announces as closed, None where it cannot be read."""
    from stock_ml.adapters.broker.messages import decode_session

    return _event(message, decode_session)


def alert(message: "Message") -> JsonObject | None:
    """Return the alert in a message, None where it cannot be read, or was passed on a moment ago."""
    from stock_ml.adapters.broker.messages import decode_alert

    found = _event(message, decode_alert)
    return None if found is None or _is_repeated(str(found)) else found


def _is_repeated(text: str) -> bool:
    now = time.monotonic()
    for known in [known for known, at in _recent_alerts.items() if now - at >= AGAIN]:
        del _recent_alerts[known]
    if text in _recent_alerts:
        return True
    _recent_alerts[text] = now
    return False


def _event(message: "Message", decode: "Callable[[bytes | None], ClosedSession | Alert]") -> JsonObject | None:
    from stock_ml.errors import BadMessage

    try:
        return decode(message.value())._asdict()
    except BadMessage as error:
        log.warning("message %s of %s is passed over: %s", message.offset(), message.topic(), error)
        return None
