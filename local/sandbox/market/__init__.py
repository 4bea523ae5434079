"""A simulated market: any session of any symbol on demand, the same for ever for one seed. Pure numpy."""

from local.sandbox.market.kinds import KINDS, Kind, Turn
from local.sandbox.market.market import VERSION, Day, Market

__all__ = ["KINDS", "VERSION", "Day", "Kind", "Market", "Turn"]
