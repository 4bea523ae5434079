"""A simulated market: any session of any symbol on demand, the same for ever for one seed. Pure numpy."""

from sandbox.market.kinds import KINDS, Kind, Turn
from sandbox.market.market import VERSION, Day, Market

__all__ = ["KINDS", "VERSION", "Day", "Kind", "Market", "Turn"]
