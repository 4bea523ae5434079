"""Forget the replay of a file, so that the next one does not come after bars that are newer or were others."""

from rich.console import Console

from stock_ml.adapters.broker import empty_topics
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings


def forget_replay(s: Settings, console: Console) -> None:
    """Empty the topics, and delete the symbols' streamed bars and forecasts; S3 and MLflow keep what they have.

    Producer and consumer must not run. Raises BrokerUnavailable or StoreUnavailable; call it again then.
    """
    store = ForecastStore.connect(s)
    try:
        empty_topics(s)
        if any(store.forget(s.symbols)):
            console.print("another file, or other settings of the model: the replay begins anew")
    finally:
        store.close()
