"""The delay of a feed in words, the same wherever a person reads of it."""

from stock_ml.domain.bars import MINUTE


def feed_words(seconds: float) -> str:
    """Return what a feed is by its delay in seconds: real-time, or delayed by so many minutes."""
    return f"{seconds / MINUTE:.0f} min delayed feed" if seconds else "real-time feed"
