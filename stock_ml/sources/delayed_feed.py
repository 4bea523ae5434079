"""A feed that shows each bar late: its clock is behind."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stock_ml.sources.parsing import Response

if TYPE_CHECKING:
    from stock_ml.sources.plugin import Source


@dataclass
class DelayedFeed:
    """Give a source's responses as of the feed's own time, `delay` seconds before they came.

    A response tells which of its bars are final by its `fetched_at`. So the bar that a delayed feed still forms is none
    of them, and a month is complete only when the feed has reached its end.
    """

    source: "Source"
    delay: int

    @property
    def name(self) -> str:
        """Return the source's name."""
        return self.source.name

    def fetch(self, symbol: str, month: str) -> Response:
        """Return all bars of a symbol's month YYYY-MM that the feed shows."""
        return self._as_of_the_feed(self.source.fetch(symbol, month))

    def newest(self, symbol: str) -> Response:
        """Return a symbol's newest bars that the feed shows."""
        return self._as_of_the_feed(self.source.newest(symbol))

    def _as_of_the_feed(self, response: Response) -> Response:
        return replace(response, fetched_at=response.fetched_at - self.delay)
