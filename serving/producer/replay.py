"""Publish stored bars at a chosen speed: a holdout that no model saw, or any sessions of the lake."""

import logging
from math import inf
from time import monotonic, sleep
from typing import Any, NoReturn

import pandas as pd

from serving.common.logs import line
from serving.common.shutdown import until_back
from serving.producer.published_state import last_announced, published_between
from serving.producer.publisher import NEVER, Output, say
from serving.producer.replay_readiness import Readiness
from serving.producer.replay_schedule import (
    HOLDOUT,
    Span,
    bars_in,
    holdout_span,
    seconds_after,
    span_between,
    stored_sessions,
)
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.clock import EventClock
from stock_ml.errors import BadSetting

log = logging.getLogger(__name__)
NOTHING_HELD_OUT = "nothing is replayed: no session is held out, see STOCKML_HOLDOUT_SESSIONS"


class Replay:
    """Publish the bars of a span that the topic does not hold yet; its time is that of the newest bar published."""

    def __init__(self, s: Settings, output: Output, speed: float) -> None:
        self._s, self._output, self._speed = s, output, speed
        self._clock = EventClock()
        self._holdout: dict[str, int] = {}
        self._speaks = False  # a replay by hand leaves the state and the sessions to the live producer

    def between(self, first: str, last: str | None) -> None:
        """Publish the sessions between two dates, or from `first` "holdout" on, and wait for the delivery.

        Raises BadSetting where no date is meant, nothing is held out, or there are no bars.
        """
        bars = bars_in(*self._chosen(first, last or str(pd.Timestamp.now("UTC").date())))
        if not bars:
            raise BadSetting(f"the lake holds no bars from {first} to {last or 'today'}: ingest_bars fetches them")
        count = self._publish(bars, self._speed)
        while not self._output.delivered(1):
            log.warning(line("waiting for kafka"))
        log.info(line("replayed", bars=count))

    def holdout_and_stay(self) -> None:
        """Wait for the model of the file, publish a session of context at once, the holdout at speed; stay idle."""
        readiness = Readiness(self._s, self._output.store)
        while lacking := readiness.lacking():
            self._output.tell(None, lacking, replay="waiting")
            sleep(1)
        self._speaks, self._output.announced = True, until_back(lambda: last_announced(self._s), NEVER, say)
        bars, sessions = self._clean(), self._output.sessions
        stored = stored_sessions(bars, sessions)
        whole = holdout_span(stored, self._s.holdout_sessions, 1, sessions)
        held_out = holdout_span(stored, self._s.holdout_sessions, 0, sessions)
        if whole is None or held_out is None:
            self._stay(NOTHING_HELD_OUT, replay="nothing")
        replayed = bars_in(bars, held_out)
        self._holdout = held_out._asdict() | {"bars": len(replayed)}
        self._output.announced.setdefault(sessions.exchange, held_out.first)
        self._publish(bars_in(bars, Span(whole.first, held_out.first - MINUTE)), inf)
        self._publish(replayed, self._speed)
        self._passed(held_out.last + MINUTE)
        self._stay(None, replay="over", holdout=self._holdout)

    def _chosen(self, first: str, last: str) -> tuple[pd.DataFrame, Span]:
        sessions = self._output.sessions
        if first != HOLDOUT:
            span = span_between(first, last, sessions)  # before anything is read: it may be refused
            return self._clean(), span
        bars = self._clean()
        held_out = holdout_span(stored_sessions(bars, sessions), self._s.holdout_sessions, 0, sessions)
        if held_out is None:
            raise BadSetting(NOTHING_HELD_OUT)
        return bars, held_out

    def _stay(self, waiting: str | None, **told: Any) -> NoReturn:
        log.info(line("the replay is over" if waiting is None else waiting))
        while True:
            self._output.tell(self._clock.now() or None, waiting, **told)
            sleep(1)

    def _publish(self, bars: list[Bar], speed: float) -> int:
        done = self._done(bars)
        left = [bar for bar in bars if (bar.symbol, bar.ts) not in done]
        log.info(line("replay", bars=len(bars), published_before=len(bars) - len(left), speed=speed))
        start = monotonic()
        for bar in left:
            self._await(start + seconds_after(left[0].ts, bar.ts, speed, self._output.sessions))
            self._passed(bar.ts)
            self._output.publish([bar])
            self._clock.advance(bar.ts + MINUTE)
        if bars:
            self._passed(bars[-1].ts + MINUTE)
        return len(left)

    def _done(self, bars: list[Bar]) -> set[tuple[str, int]]:
        if not bars:
            return set()
        return until_back(lambda: published_between(self._s, bars[0].ts, bars[-1].ts), NEVER, say)

    def _await(self, due: float) -> None:
        while (left := due - monotonic()) > 0:
            self._tell()
            sleep(min(left, 1.0))
        self._tell()

    def _passed(self, now: float) -> None:
        self._clock.advance(now)
        if self._speaks:
            self._output.announce_until(self._clock.now(), self._output.sessions)

    def _tell(self) -> None:
        if self._speaks:
            self._output.tell(
                self._clock.now() or None, None, replay="running", holdout=self._holdout, market_open=True
            )

    def _clean(self) -> pd.DataFrame:
        lake = Lake.connect(self._s)
        return until_back(lambda: lake.read_clean(self._s.symbols), NEVER, say)
