"""What stands before a training decides: who serves, and which sessions its decision may not use any more."""

from collections.abc import Sequence
from typing import NamedTuple

from stock_ml import evaluation
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.versions import versions
from stock_ml.config import Settings
from stock_ml.errors import Overtaken
from stock_ml.evaluation import PERSISTENCE, Before, Decision
from stock_ml.training.version_tags import fits

UNTIL, CHANGED, LAST_PRICE = "decided_until", "changed_at", "last_price_symbols"  # tags; times in UTC epoch seconds


class Seen(NamedTuple):
    """Hold which version was champion, None where none was, and the number of the newest, when a training began."""

    champion: str | None
    newest: int


def seen(registry: Registry) -> Seen:
    """Return what stands now, for `settle` after the training. Raises RegistryUnavailable."""
    champion = registry.champion()
    numbers = (int(version.number) for version in versions(registry))
    return Seen(champion.version if champion else None, max(numbers, default=0))


def settle(registry: Registry, begun: Seen, made: str) -> None:
    """Take the version made back where another decision came first: that of a training at once, or a person's.

    Of trainings at once the first to register wins, for MLflow gives each number once: no other one looks at less than
    all before it. Raises Overtaken, RegistryUnavailable.
    """
    now = seen(registry).champion
    others = [version.number for version in versions(registry) if begun.newest < int(version.number) < int(made)]
    if not others and now == begun.champion:
        return
    registry.withdraw(made)
    came = f"registered version {others[-1]}" if others else f"made version {now} champion instead of {begun.champion}"
    raise Overtaken(f"another training, or a person, {came} while this one ran: it changed nothing; train again")


def before(s: Settings, registry: Registry, changed_at: int | None) -> Before:
    """Return the kind that serves, and what the newest one that was to serve, made for these settings, tells.

    `changed_at` is the market's time of an alarm that is new. Raises RegistryUnavailable.
    """
    serving = rest.tags(rest.champion(s))
    kind = serving.get("kind", PERSISTENCE) if fits(serving, s) else PERSISTENCE
    newest = next((version.tags for version in versions(registry) if version.appointed and fits(version.tags, s)), {})
    until, changed = (int(newest[name]) if name in newest else None for name in (UNTIL, CHANGED))
    return Before(kind, until, evaluation.latest_change(s.calendars.of(s.symbols[0]).opens, changed, changed_at))


def last_price(s: Settings) -> dict[str, bool]:
    """Return for each symbol that a model serves whether it is served the last price. Raises RegistryUnavailable."""
    serving = rest.tags(rest.champion(s))
    if not fits(serving, s) or serving.get("kind", PERSISTENCE) == PERSISTENCE:
        return {}
    still = serving.get(LAST_PRICE, "").split(",")
    return {symbol: symbol in still for symbol in serving["symbols"].split(",")}


def tags(before: Before, decision: Decision, last_price: Sequence[str]) -> dict[str, str]:
    """Return what a version tells the next decision."""
    told = {UNTIL: decision.decided_until, CHANGED: before.changed_at}
    return {LAST_PRICE: ",".join(last_price)} | {name: str(at) for name, at in told.items() if at is not None}
