"""Publish stored bars at a chosen speed: a holdout that no model saw, or any sessions of the lake."""

import logging
from math import inf
from time import monotonic, sleep
from typing import NoReturn

import pandas as pd

from serving.common.logs import line
from serving.common.reports import Holdout, ReplayReport
from serving.common.shutdown import until_available
from serving.producer.published_state import last_announced, published_between
from serving.producer.publisher import NEVER, Output, log_waiting
from serving.producer.replay_readiness import Readiness
from serving.producer.replay_schedule import (
    HOLDOUT,
    Span,
    bars_in,
    holdout_span,
    messages_in,
    minute_of,
    seconds_after,
    span_between,
    stored_sessions,
)
from serving.stream_config import StreamConfig
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.clock import EventClock
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadSetting

log = logging.getLogger(__name__)
NOTHING_HELD_OUT = "nothing is replayed: no session is held out, see STOCKML_HOLDOUT_SESSIONS"


class Replay:
    """Publish the bars of a span that were not published yet; its clock is at the newest bar published."""

    def __init__(self, s: Settings, output: Output, speed: float) -> None:
        self._s, self._output, self._speed = s, output, speed
        self._clock = EventClock()
        self._holdout: Holdout | None = None  # a replay by hand leaves report and sessions to the live producer

    def publish_sessions(self, first: str, last: str | None) -> None:
        """Publish the sessions between two dates, or from `first` "holdout" on, and wait for the delivery.

        Raises BadSetting where a date is invalid, nothing is held out, or there are no bars.
        """
        bars = self._messages(*self._select(first, last or str(pd.Timestamp.now("UTC").date())))
        if not bars:
            raise BadSetting(f"the lake holds no bars from {first} to {last or 'today'}: ingest_bars fetches them")
        count = self._publish(bars, self._speed)
        while not self._output.flush(1):
            log.warning(line("waiting for kafka"))
        log.info(line("replayed", bars=count))

    def publish_holdout(self) -> NoReturn:
        """Wait for the file's model, publish a session of context at once and the holdout at speed; then idle."""
        readiness = Readiness(self._s, self._output.store)
        while missing := readiness.missing():
            self._output.report(None, missing, {"replay": "waiting"})
            sleep(1)
        self._output.announced = until_available(lambda: last_announced(self._s), NEVER, log_waiting)
        bars, sessions = self._clean(), self._output.sessions
        stored = stored_sessions(bars, sessions)
        whole = holdout_span(stored, self._s.holdout_sessions, 1, sessions)
        held_out = holdout_span(stored, self._s.holdout_sessions, 0, sessions)
        if whole is None or held_out is None:
            self._idle(NOTHING_HELD_OUT, {"replay": "nothing"})
        count = len(bars_in(bars, held_out))
        self._holdout = Holdout(first=held_out.first, last=held_out.last, bars=count)
        self._output.announced.setdefault(sessions.exchange, held_out.first)
        self._publish(self._messages(bars, Span(whole.first, held_out.first - MINUTE)), inf)
        self._publish(self._messages(bars, held_out), self._speed)
        self._advance(held_out.last + MINUTE)
        self._idle(None, {"replay": "over", "holdout": self._holdout})

    def _select(self, first: str, last: str) -> tuple[pd.DataFrame, Span]:
        sessions = self._output.sessions
        if first != HOLDOUT:
            span = span_between(first, last, sessions)  # before anything is read: it may be refused
            return self._clean(), span
        bars = self._clean()
        held_out = holdout_span(stored_sessions(bars, sessions), self._s.holdout_sessions, 0, sessions)
        if held_out is None:
            raise BadSetting(NOTHING_HELD_OUT)
        return bars, held_out

    def _idle(self, waiting: str | None, replay: ReplayReport) -> NoReturn:
        log.info(line("the replay is over" if waiting is None else waiting))
        while True:
            self._output.report(self._clock.now() or None, waiting, replay)
            sleep(1)

    def _messages(self, bars: pd.DataFrame, span: Span) -> list[Bar | OfficialClose]:
        return messages_in(bars, span, StreamConfig.of(self._s).sessions_of)

    def _publish(self, messages: list[Bar | OfficialClose], speed: float) -> int:
        published = self._published_before(messages)
        left = [each for each in messages if (each.symbol, each.ts) not in published]
        log.info(line("replay", messages=len(messages), published_before=len(messages) - len(left), speed=speed))
        start = monotonic()
        for each in left:
            after = seconds_after(minute_of(left[0]), minute_of(each), speed, self._output.sessions)
            self._wait_until(start + after)
            self._advance(minute_of(each))
            self._output.publish([each])
            self._clock.advance(minute_of(each) + MINUTE)
        if messages:
            self._advance(minute_of(messages[-1]) + MINUTE)
        return sum(isinstance(each, Bar) for each in left)

    def _published_before(self, messages: list[Bar | OfficialClose]) -> set[tuple[str, int]]:
        if not messages:
            return set()
        first, last = messages[0].ts, messages[-1].ts
        return until_available(lambda: published_between(self._s, first, last), NEVER, log_waiting)

    def _wait_until(self, due: float) -> None:
        while (left := due - monotonic()) > 0:
            self._report()
            sleep(min(left, 1.0))
        self._report()

    def _advance(self, now: float) -> None:
        self._clock.advance(now)
        if self._holdout:
            self._output.announce_until(self._clock.now(), self._output.sessions)

    def _report(self) -> None:
        if self._holdout:
            running = ReplayReport(replay="running", holdout=self._holdout, market_open=True)
            self._output.report(self._clock.now() or None, None, running)

    def _clean(self) -> pd.DataFrame:
        lake = Lake.connect(self._s)
        return until_available(lambda: lake.read_clean(self._s.symbols), NEVER, log_waiting)
