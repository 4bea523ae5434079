"""The messages that ask for a new training."""

import orjson

from stock_ml.adapters.broker.messages import VERSION, fields, number
from stock_ml.errors import BadMessage
from stock_ml.evaluation.live_performance import Alert

ALERT_FIELDS = frozenset({"v", *Alert._fields})


def encode_alert(alert: Alert) -> bytes:
    """Return an alert as its topic holds it."""
    return orjson.dumps({"v": VERSION, **alert._asdict()})


def decode_alert(value: bytes | None) -> Alert:
    """Return the alert in a message. Raises BadMessage naming what is wrong with it."""
    given = fields(value, ALERT_FIELDS)
    words = [given[name] for name in ("kind", "reason", "model_version")]
    if not all(isinstance(word, str) for word in words):
        raise BadMessage("an alert says its kind, its reason and the model's version as text")
    return Alert(*words, *(number(name, given[name]) for name in ("raised_at", "market_at")))
