"""What Airflow's triggerer makes of the messages that it watches for: an event, or nothing."""

import logging
from typing import Any

log = logging.getLogger(__name__)


def closed_session(message: Any) -> dict[str, Any] | None:
    """Return the session that a message announces as closed, None where it cannot be read."""
    from stock_ml.adapters.broker.messages import decode_session
    from stock_ml.errors import BadMessage

    try:
        return decode_session(message.value())._asdict()
    except BadMessage as error:
        log.warning("message %s of %s is passed over: %s", message.offset(), message.topic(), error)
        return None
