"""Promote a version that a person approved."""

import logging
from collections.abc import Mapping

from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.config import Settings

log = logging.getLogger(__name__)


def skip_reason(event: Mapping[str, object]) -> str | None:
    """Return why no approval is requested for the version of a training's event, None where it is."""
    return None if event.get("ask") else "nobody wants to be asked about this version"


def promote_challenger(s: Settings, version: str) -> str | None:
    """Make the challenger champion where it is that version still, and return the version that it replaces.

    Raises RegistryUnavailable.
    """
    registry = Registry.connect(s, retries=3, timeout=60)
    challenger = registry.challenger()
    if challenger is None or challenger.version != version:
        there = challenger.version if challenger else "none"
        log.warning("version %s is no challenger any more (%s is): the champion stays", version, there)
        return None
    return registry.promote(version, by="approval in Airflow")
