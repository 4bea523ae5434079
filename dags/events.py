"""Read the asset events that started a run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from dags.assets import CLEAN_BARS, RETRAINING_WANTED
from stock_ml.domain.json_object import JsonObject

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from stock_ml.evaluation.live_performance import Alert
    from stock_ml.training.retrain_policy import Trigger

Events = Mapping[Asset, Sequence[Any]] | None


def newest(events: Events, asset: Asset) -> JsonObject:
    """Return the fields of an asset's newest event, none where there is no event."""
    found = (events or {}).get(asset, [])
    return dict(found[-1].extra) if found else {}


def training_trigger(events: Events, ti: "RuntimeTaskInstanceProtocol") -> "Trigger":
    """Return what started a run of `train_model`; without any event it was a person.

    Raises BadInput where an event lacks a field of its alert, as one made by hand may.
    """
    from stock_ml.training.retrain_policy import Trigger

    events = events or {}
    alerts = tuple(_alert(event.extra.get("payload")) for event in events.get(RETRAINING_WANTED, []))
    backfilled = [event.timestamp.timestamp() for event in events.get(CLEAN_BARS, []) if event.extra.get("backfill")]
    waiting = ti.get_dr_count("ingest_bars", states=["queued"]) if backfilled else 0
    return Trigger(alerts, not events, max(backfilled, default=None), waiting)


def _alert(payload: object) -> "Alert":
    from stock_ml.errors import BadInput
    from stock_ml.evaluation.live_performance import Alert

    fields = payload if isinstance(payload, dict) else {}
    if missing := [name for name in Alert._fields if name not in fields]:
        raise BadInput(f"an event of {RETRAINING_WANTED.name} lacks {', '.join(missing)} in its payload")
    return Alert(**{name: fields[name] for name in Alert._fields})
