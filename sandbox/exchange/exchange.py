"""The state from which the sandbox's views answer."""

from dataclasses import dataclass, field, replace
from datetime import date

from sandbox.exchange.clock import StoredClock
from sandbox.exchange.feed import Feed, FeedQuery
from sandbox.exchange.injected_bars import InjectedBars
from sandbox.exchange.request_counts import RequestCounts
from sandbox.exchange.request_limits import Plans
from sandbox.faults.faults import Faults
from sandbox.market import KINDS, Market, Turn
from stock_ml.config import Settings

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Exchange:
    """Hold the market, its time, and who meets which fault."""

    settings: Settings
    feed: Feed
    clock: StoredClock
    faults: Faults = field(default_factory=Faults)
    plans: Plans = field(default_factory=Plans)
    request_counts: RequestCounts = field(default_factory=RequestCounts)

    @classmethod
    def of(cls, s: Settings) -> "Exchange":
        """Return the exchange of an installation; its clock goes on from where it stood. Raises OtherMarket."""
        clock = StoredClock.of(s)
        kind = replace(KINDS[s.sandbox_market], turn=Turn((s.sandbox_turn - EPOCH).days) if s.sandbox_turn else None)
        market = Market(s.sandbox_seed, clock.sessions, kind)
        injected = InjectedBars.load(s.state / "sandbox" / "bars.jsonl")
        feed = Feed(market, injected, s.sandbox_auction, s.sandbox_corrections)
        return cls(s, feed, clock, Faults(s.sandbox_faults))

    def prices(self) -> dict[str, float]:
        """Return the newest price of each symbol of the installation."""
        now = self.clock.now().market
        newest = {symbol: self.feed.newest(FeedQuery(symbol, now), 1) for symbol in self.settings.symbols}
        return {symbol: float(day.values[-1, 3]) for symbol, day in newest.items()}
