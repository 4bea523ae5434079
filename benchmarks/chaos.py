"""Fifty kill -9 over every server, seeded, and a restart of all, while 200,000 bars flow: what is lost or changed."""

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import _checker, _live
from benchmarks._compare import COUNT, Found, Key, compared, forecasts_since, found, query_rows
from benchmarks._stack import NAMES, Stack, stack
from stock_ml.adapters.broker import Publisher, Topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.calendar import sessions

PATIENCE = 300.0  # seconds without a new bar after which something is dead for good


@dataclass(frozen=True)
class Flow:
    """Say how many bars flow, how fast (market seconds a second), and how often something is killed meanwhile."""

    symbols: int = 500
    minutes: int = 400
    speed: int = 60
    kills: int = 50
    seed: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Return the symbols."""
        return tuple(f"S{number:05}" for number in range(self.symbols))

    @property
    def total(self) -> int:
        """Return how many bars there are."""
        return self.symbols * self.minutes

    def bars(self) -> list[Bar]:
        """Return all bars by time: the end of a session at once, then the end of the next and the begin of a third."""
        calendar = sessions("XNYS")
        at = int(np.searchsorted(calendar.dates, np.datetime64(_live.FIRST)))
        context, half = self.minutes // 20, self.minutes // 2
        ends = zip(calendar.closes[at : at + 2], (context, half - context), strict=True)
        opens = calendar.opens[at + 2]
        parts = [np.arange(end - MINUTE * n, end, MINUTE) for end, n in ends]
        times = np.concatenate([*parts, np.arange(opens, opens + MINUTE * (self.minutes - half), MINUTE)]).tolist()
        walked = _live.market(self.names, self.minutes)
        return [bar._replace(ts=ts) for ts, minute in zip(times, walked, strict=True) for bar in minute]


@dataclass
class Disturbance:
    """Kill what chance says when so many bars are stored, and remember each forecast that was seen meanwhile."""

    flow: Flow
    stack: Stack
    seen: dict[Key, Key] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)

    def make(self) -> None:
        """Do it all; half-way the whole stack is stopped and started."""
        random = np.random.default_rng(self.flow.seed)
        moments = np.sort(random.random(self.flow.kills)) * 0.97 * self.flow.total
        targets, pauses = random.choice(NAMES, self.flow.kills).tolist(), random.random(self.flow.kills).tolist()
        for number, moment in enumerate(moments.tolist()):
            wait_for_bars(self.stack.s, int(moment))
            time.sleep(pauses[number] / 2)
            self._note_forecasts()
            self._kill(targets[number])
            if number == self.flow.kills // 2:
                self.stack.down()
                self.stack.up([])
        wait_for_bars(self.stack.s, self.flow.total)
        self._note_forecasts()

    def changed(self) -> int:
        """Count the forecasts that are not any more as they were seen."""
        now = forecasts_since(self.stack.s, "-infinity")
        return sum(now.get(key) != row for key, row in self.seen.items())

    def _kill(self, name: str) -> None:
        killed = False
        while not killed:
            with suppress(ProcessLookupError):  # it ended just now; its next process is killed
                os.kill(self.stack.pid(name), signal.SIGKILL)
                killed = True
        self.killed[name] += 1

    def _note_forecasts(self) -> None:
        newest = max((row[1] for row in self.seen.values()), default="-infinity")
        self.seen |= forecasts_since(self.stack.s, newest)


def run(console: Console, **given: int) -> dict[str, float]:
    """Disturb a stack of its own, compare it with an undisturbed run of the same bars, and return the figures.

    `given` are options of a Flow, as seed=2.
    """
    flow = Flow(**given)
    bars = flow.bars()
    with stack(flow.names, flow.speed) as one:
        one.up(bars)
        begun = time.monotonic()
        disturbance = Disturbance(flow, one)
        disturbance.make()
        seconds = time.monotonic() - begun
        disturbed, changed, checked = found(one.s), disturbance.changed(), independent_check(one.s, bars)
    counted = compared(disturbed, undisturbed(flow, bars))
    figures: dict[str, float] = {"kills": disturbance.killed.total(), **counted, "seconds": round(seconds)}
    figures["changed"] += changed
    figures["checker_wrong"] = checked.lost + checked.twice + checked.changed + checked.early
    console.print(_table(disturbance, figures, disturbed))
    return figures


def independent_check(s: Settings, bars: list[Bar]) -> _checker.Verdict:
    """Compare what was replayed with what is stored and published, without any code that wrote it."""
    served = {(bar.symbol, bar.ts): (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars}
    stored, made = _checker.stored_bars(s.postgres()), _checker.forecasts(s.postgres())
    return _checker.verdict(served, stored, _checker.messages(client_config(s), Topics.of(s).bars), made)


def undisturbed(flow: Flow, bars: list[Bar]) -> Found:
    """Return what one consumer stores of the same bars when nothing happens."""
    with _live.stage(flow.names) as s, _live.running_process(s, "_consumer") as consumer:
        publisher = Publisher.connect(s)
        _live.publish(publisher, bars)
        publisher.flush(60)
        consumer.wait(len(bars))
        return found(s)


def wait_for_bars(s: Settings, count: int) -> None:
    """Return when so many received bars are stored. Raises RuntimeError where none comes for minutes."""
    best, last = -1, time.monotonic()
    while best < count:
        told = query_rows(s, COUNT)
        if told and int(told[0][0]) > best:
            best, last = int(told[0][0]), time.monotonic()
        if time.monotonic() - last > PATIENCE:
            raise RuntimeError(f"{best} of {count} bars are stored, and none came for {PATIENCE:.0f} s")
        time.sleep(0.1)


def _table(disturbance: Disturbance, figures: dict[str, float], disturbed: Found) -> Table:
    rows = disturbed.rows
    title = f"{disturbance.flow.total:,} bars, {len(rows['forecasts']):,} forecasts, seed {disturbance.flow.seed}"
    table = Table("killed", "times", "", "count", title=title)
    left = [(name, str(count)) for name, count in sorted(disturbance.killed.items())]
    left.append(("the whole stack, stopped", "1"))
    right = [(name.replace("_", " "), f"{count:,}") for name, count in figures.items()]
    for number in range(max(len(left), len(right))):
        table.add_row(
            *(left[number] if number < len(left) else ("", "")), *(right[number] if number < len(right) else ("", ""))
        )
    return table
