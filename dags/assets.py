"""The assets that the DAGs pass on, each named once, and what the triggerer watches for on Kafka."""

from airflow.providers.apache.kafka.triggers.await_message import AwaitMessageTrigger
from airflow.sdk import Asset, AssetWatcher

from stock_ml.config import load

GROUP = "stock_ml"


def _watchers(topic: str, read: str) -> list[AssetWatcher]:
    """Watch a topic; `read` is the function of `dags.kafka_events` that makes an event of a message."""
    topics = [f"{load().kafka_topic}.{topic}"]
    connection = f"stockml_{topic}"  # a consumer group each, since offsets are the group's
    pause = 0.01  # seconds after a message that is no event: a flood of alerts is read in minutes
    trigger = AwaitMessageTrigger(topics, f"dags.kafka_events.{read}", connection, poll_interval=pause)
    return [AssetWatcher(name=topics[0], trigger=trigger)]


SESSION_CLOSED = Asset(name="session_closed", group=GROUP, watchers=_watchers("sessions", "closed_session"))
RETRAINING_WANTED = Asset(name="retraining_wanted", group=GROUP, watchers=_watchers("alerts", "alert"))
CLEAN_BARS = Asset(name="clean_bars", group=GROUP)
MODEL = Asset(name="stock_close", group=GROUP)
