"""What Airflow's triggerer makes of the messages that it watches for: an event, or nothing."""

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def closed_session(message: Any) -> dict[str, Any] | None:
    """Return the session that a message announces as closed, None where it cannot be read."""
    from stock_ml.adapters.broker.messages import decode_session

    return _read(message, decode_session)


def alert(message: Any) -> dict[str, Any] | None:
    """Return the alert in a message, None where it cannot be read."""
    from stock_ml.adapters.broker.alerts import decode_alert

    return _read(message, decode_alert)


def _read(message: Any, decode: Callable[[bytes | None], Any]) -> dict[str, Any] | None:
    from stock_ml.errors import BadMessage

    try:
        return dict(decode(message.value())._asdict())
    except BadMessage as error:
        log.warning("message %s of %s is passed over: %s", message.offset(), message.topic(), error)
        return None
