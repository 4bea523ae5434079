"""Open the source that the settings name, and say what its requests cost."""

from functools import partial

from stock_ml import source_plugins
from stock_ml.config import Settings
from stock_ml.errors import BadPlugin, StockMLError
from stock_ml.sources.delayed_feed import DelayedFeed
from stock_ml.sources.guarded_connection import GuardedConnection
from stock_ml.sources.guarded_source import GuardedSource, Progress
from stock_ml.sources.plugin import Connection, Opening, RequestLimiter, Source, SourcePlugin, no_limit

__all__ = ["RequestLimiter", "Source", "open_connection", "open_source", "plugin_of", "requests_for"]


def plugin_of(name: str) -> SourcePlugin:
    """Return the plug-in of a source. Raises BadSetting or BadPlugin as `describe` does."""
    found = source_plugins.describe(name)
    if not isinstance(found, SourcePlugin):
        raise BadPlugin(f"the source {name} is described, but not to be opened: its author must give a SourcePlugin")
    return found


def open_source(s: Settings, limiter: RequestLimiter = no_limit) -> Source:
    """Return the source that the settings name; nothing is sent or read yet.

    `limiter` is called before each request of a source that counts them; it waits, or raises DailyLimit.
    """
    source = _open(s, limiter)
    return DelayedFeed(source, s.feed_delay) if s.feed_delay and not s.replayed else source


def open_connection(s: Settings, limiter: RequestLimiter = no_limit) -> Connection:
    """Return a connection that pushes the bars of all symbols. Raises the SourceError that says why there is none."""
    plugin = _chosen(s)
    opening = Opening(s.source, s, limiter)
    if plugin.connect is None:
        raise BadPlugin(f"the source {s.source} says that it pushes, and has no `connect`: its author must mend it")
    connect = partial(plugin.connect, opening, s.symbols)
    if s.source in source_plugins.BUILT_IN:
        return connect()
    return GuardedConnection.connect(connect, s.source, s.symbols)


def _open(s: Settings, limiter: RequestLimiter) -> Source:
    plugin = _chosen(s)
    if s.source in source_plugins.BUILT_IN:  # the tests hold these to the contract
        return plugin.open(Opening(s.source, s, limiter))
    progress = Progress(limiter)
    try:
        source = plugin.open(Opening(s.source, s, progress))
    except StockMLError:
        raise
    except Exception as error:  # noqa: BLE001  # a stranger's code may raise anything
        reason = source_plugins.raised_at(error)
        raise BadPlugin(f"the source {s.source} cannot be opened: it raised {reason}; mend its package") from None
    return GuardedSource(source, s.source, plugin.deadline, progress)


def requests_for(s: Settings, symbol: str, month: str, now: float) -> int:
    """Return how many requests a symbol's month YYYY-MM takes at `now`, none where the source no longer has it."""
    count = _chosen(s).requests_for
    return 1 if count is None else count(month, s.calendars.of(symbol), now)


def _chosen(s: Settings) -> SourcePlugin:
    """Return the plug-in as it is with these settings."""
    found = s.plugin
    return found if isinstance(found, SourcePlugin) else plugin_of(s.source)
