"""What sources send, read strictly: rows as received, what their labels mean, and the bars in them."""

from stock_ml.received.answer import WHOLE_FILE, Received
from stock_ml.received.labels import Convention, label_convention, place
from stock_ml.received.layout import parse, read
from stock_ml.received.live import bars_of, finished

__all__ = ["WHOLE_FILE", "Convention", "Received", "bars_of", "finished", "label_convention", "parse", "place", "read"]
