"""What producer and consumer report of themselves once a second, as PostgreSQL stores it."""

from typing import Literal, TypedDict

ReplayState = Literal["waiting", "nothing", "running", "over"]


class ConsumerReport(TypedDict):
    """The consumer's report; `trained_until` is in UTC epoch seconds, `lag` in messages."""

    model_version: str | None
    run_id: str | None
    trained_until: float | None
    challenger: str | None
    waiting: str | None
    lag: int


class MarketReport(TypedDict):
    """The market by the producer's clock; times in UTC epoch seconds. A market that never closes has no next change.

    `market_open` is None where the sessions of no exchange are known any more.
    """

    now: float
    market_open: bool | None
    next_change: int | None


class Holdout(TypedDict):
    """The minutes of a replay, both included, in UTC epoch seconds, and how many bars they have."""

    first: int
    last: int
    bars: int


class ReplayReport(TypedDict, total=False):
    """How far a replay of the holdout is."""

    replay: ReplayState
    holdout: Holdout
    market_open: bool


class ProducerReport(TypedDict, total=False):
    """The producer's report. It has the keys of MarketReport once the time of the market is known.

    `feed_delay`: by exchange, how many seconds late the feed shows a bar, as stated or as learned.
    `request_interval`: wall seconds between two requests for one symbol at least, 0 while the source pushes bars.
    """

    source: str
    simulated: bool
    symbols: list[str]
    waiting: str | None
    feed_delay: dict[str, int]
    request_interval: int
    now: float
    market_open: bool | None
    next_change: int | None
    replay: ReplayState
    holdout: Holdout


Report = ConsumerReport | ProducerReport
