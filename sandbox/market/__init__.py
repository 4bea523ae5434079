"""A simulated market: any session of any symbol on demand, the same for ever for one seed. Pure numpy."""

from sandbox.market.market import VERSION, Day, Market
from sandbox.market.market_kinds import KINDS, Kind, Turn

__all__ = ["KINDS", "VERSION", "Day", "Kind", "Market", "Turn"]
