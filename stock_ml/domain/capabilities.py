"""What a source of bars can do. Other code checks a capability, never a source's name."""

from dataclasses import dataclass
from typing import Literal

History = Literal["whole months", "rolling window", "file"]


@dataclass(frozen=True)
class Capabilities:
    """Describe a source.

    `history`: a response holds a whole calendar month, what the source still has of one, or everything (a file).
    `simulated`: the bars are made up, and their market has a clock of its own.
    `metered`: requests count against the plan of a key.
    `per_minute`: the requests a minute that a source without a key's plan bears, 0 for any number.
    `adjustable`: a setting asks for prices adjusted for splits and dividends, or as traded.
    `delayed`: seconds by which a plan with the entitlement `delayed` shows each bar late.
    `closing`: seconds after a session's close, by the feed's time, until its last bar can be expected.
    `settles`: seconds after a month's last minute until a response is taken to lack none of it.
    `pushes`: live bars come by a connection that the service keeps open; they are requested only where it lacks some.
    `settled_after`: seconds after a session's close from which on a month's response has other bars of it than the live
    ones, on which forecasts are settled; 0 where the live bars are those.
    `note`: what the page says of the source's live bars, one sentence; "" where there is nothing to say.
    """

    history: History
    simulated: bool = False
    metered: bool = False
    per_minute: int = 0
    adjustable: bool = False
    delayed: int = 0
    closing: int = 0
    settles: int = 0
    pushes: bool = False
    settled_after: int = 0
    note: str = ""

    @property
    def whole_months(self) -> bool:
        """Say whether a later response of a month replaces the earlier ones."""
        return self.history == "whole months"

    @property
    def rolling(self) -> bool:
        """Say whether responses of a month complement each other, as the source drops old bars."""
        return self.history == "rolling window"

    @property
    def replayed(self) -> bool:
        """Say whether the bars are those of a file, replayed as if they were live."""
        return self.history == "file"

    @property
    def live(self) -> bool:
        """Say whether the bars come from a market that trades by the wall's clock."""
        return not (self.simulated or self.replayed)
