"""Guard a promotion: read the incumbent before a training, and withdraw a version that another decision overtook."""

from collections.abc import Sequence
from typing import NamedTuple

from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.versions import versions
from stock_ml.config import Settings
from stock_ml.errors import Overtaken
from stock_ml.evaluation.promotion import PERSISTENCE, Decision
from stock_ml.evaluation.regime_change import latest_regime_change
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.training.version_tags import DECIDED_UNTIL, FALLBACKS, REGIME_CHANGE, is_compatible


class RegistryState(NamedTuple):
    """Hold which version was champion, None where none was, and the number of the newest, when a training began."""

    champion: str | None
    newest: int


def registry_state(registry: Registry) -> RegistryState:
    """Return the state now, for `withdraw_if_overtaken` after the training. Raises RegistryUnavailable."""
    champion = registry.champion()
    numbers = (int(version.number) for version in versions(registry))
    return RegistryState(champion.version if champion else None, max(numbers, default=0))


def withdraw_if_overtaken(registry: Registry, start: RegistryState, version: str) -> None:
    """Withdraw the new version where another decision came first: that of a training at once, or a person's.

    Of trainings at once the first to register wins, for MLflow gives each number once: no other one looks at less than
    all before it. Raises Overtaken, RegistryUnavailable.
    """
    now = registry_state(registry).champion
    others = [other.number for other in versions(registry) if start.newest < int(other.number) < int(version)]
    if not others and now == start.champion:
        return
    registry.withdraw(version)
    cause = f"registered version {others[-1]}" if others else f"made version {now} champion instead of {start.champion}"
    raise Overtaken(f"another training, or a person, {cause} while this one ran: it changed nothing; train again")


def incumbent(s: Settings, registry: Registry, alert_at: int | None) -> Incumbent:
    """Return the kind that serves, with the limits in the tags of the newest version appointed for these settings.

    `alert_at` is the market's time of a new alert. Raises RegistryUnavailable.
    """
    serving = rest.tags(rest.champion(s))
    kind = serving.get("kind", PERSISTENCE) if is_compatible(serving, s) else PERSISTENCE
    appointed = (version.tags for version in versions(registry) if version.appointed)
    newest = next((tags for tags in appointed if is_compatible(tags, s)), {})
    until, latest = (int(newest[name]) if name in newest else None for name in (DECIDED_UNTIL, REGIME_CHANGE))
    opens = s.calendars.of(s.symbols[0]).opens
    return Incumbent(kind, until, latest_regime_change(opens, latest, alert_at))


def fallbacks(s: Settings) -> dict[str, bool]:
    """Return for each symbol that a model serves whether it is served the last price. Raises RegistryUnavailable."""
    serving = rest.tags(rest.champion(s))
    if not is_compatible(serving, s) or serving.get("kind", PERSISTENCE) == PERSISTENCE:
        return {}
    names = serving.get(FALLBACKS, "").split(",")
    return {symbol: symbol in names for symbol in serving["symbols"].split(",")}


def tags(incumbent: Incumbent, decision: Decision, fallbacks: Sequence[str]) -> dict[str, str]:
    """Return the tags with which a version limits the next decision."""
    times = {DECIDED_UNTIL: decision.decided_until, REGIME_CHANGE: incumbent.regime_change_at}
    return {FALLBACKS: ",".join(fallbacks)} | {name: str(at) for name, at in times.items() if at is not None}
