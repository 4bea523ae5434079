"""Publish live bars: those that the source pushes at once, others as soon as a request may bring them."""

import logging
from collections.abc import Sequence
from functools import partial
from time import monotonic, sleep

import numpy as np

from serving.common.clocks import stream_clock, wall_seconds
from serving.common.logs import line
from serving.common.shutdown import until_available
from serving.producer.bar_stream import HOUR, BarStream
from serving.producer.feed_delay import LearnedDelay
from serving.producer.published_state import last_announced, recently_published
from serving.producer.publisher import NEVER, Output, log_waiting
from serving.producer.push_listener import Connected, PushListener
from serving.producer.recent_minutes import Recent
from serving.producer.schedule import next_opening
from serving.stream_config import StreamConfig
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.postgres.request_quota import request_budget, request_limiter
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar, utc
from stock_ml.domain.calendar import Sessions, end_fault
from stock_ml.domain.clock import Clock
from stock_ml.domain.gaps import longest_silence
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadKey, SourceUnavailable, StoreUnavailable
from stock_ml.sources.parsing import Convention, Response
from stock_ml.sources.registry import Source, open_connection, open_source

log = logging.getLogger(__name__)
STANDSTILL = 5  # trading minutes without a bar of any symbol after which a feed stands still
REQUEST_AGAIN = 10.0  # wall seconds after which a bar that should be there is requested again
NO_HISTORY = "waiting for history: what the source's labels mean is learned by ingest_bars"


class Live:
    """Move bars from the source to the topic, turn by turn."""

    def __init__(self, s: Settings, output: Output) -> None:
        self._s, self._output = s, output
        self._clock = stream_clock(s)
        self._opens: int | None = None
        self._listener: PushListener | None = None

    def run(self) -> None:
        """Publish until the process is ended."""
        sessions = StreamConfig.of(self._s).sessions_of
        self._output.feed_delay = until_available(self._reported_delays, NEVER, log_waiting)
        stream = BarStream(self._source(), self._convention(), sessions, self._pause(), self._refused_pause())
        stream.feed_delay, stream.settled_after = self._s.feed_delay, self._s.capabilities.settled_after
        for exchange, delay in self._output.feed_delay.items():
            stream.learned[exchange] = LearnedDelay(max(delay - self._s.feed_delay, 0))
        stream.restore(published := until_available(self._published, NEVER, log_waiting))
        self._output.announced = until_available(partial(self._announced, stream), NEVER, log_waiting)
        log.info(line("started", newest={symbol: recent.newest for symbol, recent in published.items()}))
        self._listener = self._listening()
        while True:
            self.turn(stream)

    def turn(self, stream: BarStream) -> None:
        """Publish new bars, announce closed sessions, report, and sleep until more bars may be there."""
        try:
            now = self._clock.now()
            pause = wall_seconds(self._clock, MINUTE - now % MINUTE)
        except SourceUnavailable as error:
            self._wait(str(error))
            return
        self._check_connection(stream)
        self._publish(stream, stream.new_bars(now) + stream.settled_bars(now))
        for calendar in self._output.calendars:
            self._announce(stream, now, calendar)
        self._log_closed(now)
        self._note_delays(stream)
        self._output.report(now, self._fault(stream, now))
        self._rest(stream, 0 if stream.has_more else pause)

    def _publish(self, stream: BarStream, bars: Sequence[Bar]) -> None:
        closes = stream.take_official_closes()
        self._output.publish(in_order(bars, closes))
        if bars or closes:
            log.info(line("published", bars=len(bars), official_closes=len(closes)))

    def _check_connection(self, stream: BarStream) -> None:
        """Make the connection anew where it is open but brings no bars."""
        if self._listener is None:
            self._output.request_interval = 0 if self._s.simulated else round(stream.pause)
            return
        stream.pushing = self._listener.connected
        self._output.request_interval = 0 if stream.pushing else round(stream.pause)
        if stream.is_silent:
            log.warning(line("the connection is open but silent; it is made anew", minutes=len(stream.unpushed)))
            stream.unpushed.clear()
            self._listener.reconnect()

    def _rest(self, stream: BarStream, seconds: float) -> None:
        """Wait, and publish meanwhile what the source pushes."""
        if self._listener is None:
            sleep(seconds)
            return
        end = monotonic() + seconds
        while True:
            self._hear(stream, self._listener.take(max(end - monotonic(), 0.0)))
            if monotonic() >= end:
                return

    def _hear(self, stream: BarStream, arrived: Sequence[Response | Connected]) -> None:
        bars = list[Bar]()
        for each in arrived:
            if isinstance(each, Connected):
                stream.connected()
            else:
                bars += stream.pushed(each)
        self._publish(stream, bars)

    def _reported_delays(self) -> dict[str, int]:
        """Return what was learned before a restart."""
        report = self._output.store.read_state("producer")
        return dict(report.state.get("feed_delay", {})) if report else {}

    def _published(self) -> dict[str, Recent]:
        return recently_published(self._s, self._output.store, self._clock.now())

    def _announced(self, stream: BarStream) -> dict[str, int]:
        """Return by exchange the close that was announced last, in UTC epoch seconds.

        Where none was announced, the newest bar that was published before stands for it, and without one, now.
        """
        now = self._clock.now()
        begin = {each.exchange: stream.newest_of(each.exchange) or int(now) for each in self._output.calendars}
        return {**begin, **last_announced(self._s, now)}

    def _announce(self, stream: BarStream, now: float, calendar: Sessions) -> None:
        last_close = float(calendar.closes[calendar.ended(now) - 1])
        settled = last_close + self._s.capabilities.closing
        if now - stream.delay(calendar.exchange) >= settled and stream.has_all_until(last_close, settled, calendar):
            self._output.announce_until(last_close, calendar)

    def _note_delays(self, stream: BarStream) -> None:
        delays = {each.exchange: stream.delay(each.exchange) for each in self._output.calendars}
        if any(delay != self._output.feed_delay.get(exchange, 0) for exchange, delay in delays.items()):
            log.warning(line("feed delay in seconds", **delays))
        self._output.feed_delay = delays

    def _fault(self, stream: BarStream, now: float) -> str | None:
        ended = end_fault(now, self._output.calendars)
        unheard = self._listener.fault if self._listener is not None else None
        fault = stream.fault or unheard or clock_fault(now, stream.newest) or self._standstill(stream, now)
        return "; ".join(said for said in (fault, ended) if said) or None

    def _standstill(self, stream: BarStream, now: float) -> str | None:
        for calendar in self._output.calendars:
            at, newest = now - stream.delay(calendar.exchange), stream.newest_of(calendar.exchange)
            if standstill(at, newest, calendar):  # looked at closely then alone: it takes all symbols' minutes
                longest = longest_silence(stream.trade_share(calendar), STANDSTILL)
                if said := standstill(at, newest, calendar, longest):
                    return said
        return None

    def _log_closed(self, now: float) -> None:
        opens = next_opening(now, self._output.calendars)
        if opens is not None and now < opens != self._opens:
            self._opens = opens
            log.info(line("market closed", until=utc(opens)))

    def _source(self) -> Source:
        while True:
            try:
                return open_source(self._s, request_limiter(self._s))
            except BadKey as error:
                self._wait(f"BadKey: {error}")

    def _listening(self) -> PushListener | None:
        if not self._s.capabilities.pushes or self._s.feed_delay:
            return None  # a connection brings bars at once, a plan with a delay shows them late
        return PushListener(lambda: open_connection(self._s, request_limiter(self._s))).start()

    def _convention(self) -> Convention:
        lake = Lake.connect(self._s)
        if self._s.labels:
            return self._s.labels
        while True:
            try:
                if convention := lake.convention():
                    return convention
                self._wait(NO_HISTORY)
            except StoreUnavailable as error:
                self._wait(str(error))

    def _wait(self, reason: str) -> None:
        self._output.report(_now(self._clock), reason)
        sleep(1)

    def _pause(self) -> float:
        if self._s.simulated:  # its minutes are short, and its requests are not limited
            return MINUTE / self._s.sandbox_speed / 2
        per_minute = request_budget(self._s).per_minute
        return max(REQUEST_AGAIN, len(self._s.symbols) * 60.0 / per_minute) if per_minute else REQUEST_AGAIN

    def _refused_pause(self) -> float:
        return MINUTE if self._s.simulated else HOUR


def in_order(bars: Sequence[Bar], closes: Sequence[OfficialClose]) -> list[Bar | OfficialClose]:
    """Return bars and official closes in the order of time: a close is before the next session's bars."""
    return sorted([*bars, *closes], key=lambda each: (each.ts, each.symbol))


def clock_fault(now: float, newest: int) -> str | None:
    """Return that the clock was set back, where it is before the newest bar; bars wait until it has caught up."""
    if now >= newest:
        return None
    return f"the clock says {utc(now)}, before the newest bar of {utc(newest)}: was it set back? Bars wait until then"


def standstill(now: float, newest: int, sessions: Sessions, longest: int = STANDSTILL) -> str | None:
    """Return that an exchange's feed stands still, where its market is open and the newest bar is minutes behind.

    `now` is the feed's time and `newest` the newest minute of any symbol, both in UTC epoch seconds. Of fewer than
    `longest` minutes nothing is said.
    """
    at, last = sessions.index(np.array([now, newest], dtype=np.int64)).tolist()
    missing = at - last - 1
    if at < 0 or last < 0 or missing < longest:
        return None
    return f"{sessions.exchange}: no new bar of any symbol for {missing} min while the market is open"


def _now(clock: Clock) -> float | None:
    try:
        return clock.now()
    except SourceUnavailable:
        return None
