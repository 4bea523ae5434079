"""What stands before a training decides: who serves, and which sessions its decision may not use any more."""

from collections.abc import Sequence

from stock_ml.adapters import champion as registered
from stock_ml.adapters.registry import Registry
from stock_ml.adapters.registry.versions import versions
from stock_ml.config import Settings
from stock_ml.evaluate import PERSISTENCE, Before, Decision
from stock_ml.steps.purpose import fits

UNTIL, CHANGED, LAST_PRICE = "decided_until", "changed_at", "last_price_symbols"  # tags; times in UTC epoch seconds


def before(s: Settings, registry: Registry, changed_at: int | None) -> Before:
    """Return the kind that serves, and what the newest version made for these settings tells of the past.

    `changed_at` is the market's time of an alarm that is new. Raises RegistryUnavailable.
    """
    serving = registered.tags(registered.champion(s))
    kind = serving.get("kind", PERSISTENCE) if fits(serving, s) else PERSISTENCE
    newest = next((version.tags for version in versions(registry) if fits(version.tags, s)), {})
    until, changed = (int(newest[name]) if name in newest else None for name in (UNTIL, CHANGED))
    return Before(kind, until, max((at for at in (changed, changed_at) if at is not None), default=None))


def last_price(s: Settings) -> dict[str, bool]:
    """Return for each symbol that a model serves whether it is served the last price. Raises RegistryUnavailable."""
    serving = registered.tags(registered.champion(s))
    if not fits(serving, s) or serving.get("kind", PERSISTENCE) == PERSISTENCE:
        return {}
    still = serving.get(LAST_PRICE, "").split(",")
    return {symbol: symbol in still for symbol in serving["symbols"].split(",")}


def tags(before: Before, decision: Decision, last_price: Sequence[str]) -> dict[str, str]:
    """Return what a version tells the next decision."""
    told = {UNTIL: decision.decided_until, CHANGED: before.changed_at}
    return {LAST_PRICE: ",".join(last_price)} | {name: str(at) for name, at in told.items() if at is not None}
