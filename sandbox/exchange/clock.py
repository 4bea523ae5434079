"""The simulated market's time: it runs, is paused, and stands still while the sandbox is down."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock, Thread

import numpy as np

from sandbox.exchange.market_identity import MarketIdentity
from serving.common.heartbeat import Throttle
from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions, sessions
from stock_ml.domain.clock import AFTER_CLOSE, Reading

EVERY = 1.0  # seconds between two stores: at most this much time is lost when the process is killed


@dataclass
class StoredClock:
    """Keep one Reading, change it, and store it in a file; safe for many threads."""

    path: Path
    sessions: Sessions
    reading: Reading
    setting: float
    market: MarketIdentity
    wall: Callable[[], float] = time.time
    _lock: Lock = field(default_factory=Lock)
    _throttle: Throttle = field(default_factory=Throttle)

    @classmethod
    def of(cls, s: Settings) -> "StoredClock":
        """Return the clock of an installation."""
        return cls.load(s.state / "sandbox" / "clock.json", sessions(s.exchange), s)

    @classmethod
    def load(cls, path: Path, sessions: Sessions, s: Settings) -> "StoredClock":
        """Return the clock as it was stored; the first time, it stands at the open of its day or of the next session.

        A speed set over HTTP is kept over a restart; a changed setting takes its place.
        Raises OtherMarket where it was stored by another market than that of the settings, and UnknownSessions where
        the calendar does not know that day.
        """
        speed, market, day = s.sandbox_speed, MarketIdentity.of(s), np.datetime64(s.sandbox_start, "D")
        if not sessions.dates[0] <= day <= sessions.dates[-1]:
            raise sessions.unknown(s.sandbox_start)
        first = int(np.searchsorted(sessions.dates, day))
        after_close = AFTER_CLOSE + s.feed_delay  # a delayed feed shows its last bar later
        reading = Reading(float(sessions.opens[first]), time.time(), speed, False, after_close)
        if path.exists():
            stored = json.loads(path.read_text())
            market.check(stored.get("market"), str(path.parent))
            kept = stored["reading"]["speed"] if stored["setting"] == speed else speed
            changed = {"wall": time.time(), "speed": kept, "after_close": after_close}
            reading = Reading(**stored["reading"] | changed)
        return cls(path, sessions, reading, speed, market)

    def now(self) -> Reading:
        """Return the reading of this moment."""
        with self._lock:
            return self._moved()

    def set(self, paused: bool | None = None, speed: float | None = None, advance: float = 0.0) -> Reading:
        """Pause or run, change the speed, or move on by seconds of open market; store and return the reading.

        Raises UnknownSessions beyond the last session known.
        """
        with self._lock:
            now = self._moved().later(advance, self.sessions)
            self.reading = replace(
                now, paused=now.paused if paused is None else paused, speed=now.speed if speed is None else speed
            )
            self._write(self.reading)
            return self.reading

    def store(self) -> None:
        """Write the reading of this moment."""
        with self._lock:
            self._write(self._moved())

    def store_every_second(self) -> None:
        """Store the running clock every second, in a thread that ends with the process."""
        Thread(target=self._store_forever, name="clock", daemon=True).start()

    def _store_forever(self) -> None:
        while True:
            if not self.reading.paused:
                self.store_or_warn()
            time.sleep(EVERY)

    def store_or_warn(self) -> None:
        """Store the reading; a disk that is full for a while costs what passes meanwhile, if the process is killed."""
        try:
            self.store()
        except OSError as error:
            self._throttle.warn(f"the clock cannot be stored, and goes on: {error}")
        else:
            self._throttle.warn(None)

    def _moved(self) -> Reading:
        wall = self.wall()
        return replace(self.reading, market=self.reading.at(wall, self.sessions), wall=wall)

    def _write(self, reading: Reading) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"reading": asdict(reading), "setting": self.setting, "market": asdict(self.market)}))
        new.replace(self.path)
