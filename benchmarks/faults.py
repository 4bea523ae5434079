"""Each process killed, hung, cut off, starved, its clock wrong; the disk full and stuck: what is lost, told, healed."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

import requests
from rich.console import Console
from rich.table import Table

from benchmarks import _checker, _faults
from benchmarks._airflow import installation, local, set_clock
from benchmarks._compare import query_rows
from benchmarks._servers import folder
from benchmarks._stack import Stack
from local import highcharts, jars
from local.installation import describe
from local.servers import kafka
from local.servers.airflow import address
from local.supervisor.program import ROOT
from stock_ml.adapters import host
from stock_ml.adapters.broker import Topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from stock_ml.testing.http_server import answering

DISK = "6G"
SPEED = 30  # market seconds a second: a session passes in 13 minutes
UNTOLD = 300.0  # seconds after which a fault that nobody told counts as untold
UNHEALED = 900.0  # seconds after which a fault counts as never healed
HELD = 30.0  # seconds for which a fault that does not end by itself goes on after it was told
HARMLESS = ("memory", "clock +1 h", "clock -1 h")  # faults that may do nothing: then there is nothing to tell
WITH_CLOCK = (
    "producer",
    "consumer",
    "dashboard",
    "airflow-scheduler",
)  # libfaketime reaches no Go, and no change of user
NEWEST = "select coalesce(extract(epoch from max(stored_at)), 0)::float8 from forecasts"
BEHIND = 300  # market seconds: a minute that is younger may be on its way

Begin = Callable[[], _faults.End]


class Cell(NamedTuple):
    """Name what is done to what. `prepare` comes before it; `alone` where the installation has to undo it alone."""

    fault: str
    target: str
    begin: Begin
    alone: bool = False
    prepare: Callable[[], object] = lambda: None


class Outcome(NamedTuple):
    """Hold seconds until somebody told a fault, and until all was well: None for never. `by` is who told it."""

    fault: str
    target: str
    told: float | None
    by: str
    well: float | None


@dataclass
class Voices:
    """Listen to all that tells a person: the readiness of each service, Airflow's health, restarts, the notifier."""

    stack: Stack
    messages: list[str]
    starts: dict[str, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what was told, and note which process runs."""
        self.messages.clear()
        self.starts = self._starts()

    def told(self) -> str:
        """Return who tells of a fault now, an empty text for nobody."""
        if faults := [title for title in self.messages if tells_of_a_fault(title)]:
            return f"notifier: {faults[0]}"
        changed = [name for name, start in self._starts().items() if self.starts.get(name, start) != start]
        if changed:
            return f"supervisor: {changed[0]}"
        return next((f"{name} is not ready" for name, url in self._pages().items() if not _is_ok(url)), "")

    def is_well(self) -> bool:
        """Say whether every process runs and every service is ready."""
        states = {p["name"]: p["statename"] for p in self.stack.supervisor.processes()}
        return set(states.values()) == {"RUNNING"} and all(map(_is_ok, self._pages().values())) and self._airflow()

    def has_restarted(self, program: str) -> bool:
        """Say whether a program runs that started since `forget`."""
        return self._starts()[program] != self.starts[program]

    def _airflow(self) -> bool:
        try:
            health = requests.get(f"{address(self.stack.s)}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)

    def _starts(self) -> dict[str, int]:
        return {p["name"]: p["start"] for p in self.stack.supervisor.processes()}

    def _pages(self) -> dict[str, str]:
        s = self.stack.s
        ports = {"dashboard": s.dashboard_port, "consumer": s.consumer_port, "producer": s.producer_port}
        return {name: f"http://127.0.0.1:{port}/readyz" for name, port in ports.items()}


def tells_of_a_fault(title: str) -> bool:
    """Say whether a message tells that something is wrong: that of an end may be about the fault before."""
    return " is back" not in title


def run(console: Console, first: int = 0, last: int = 10_000, speed: int = SPEED) -> dict[str, float]:
    """Go through the cells from `first` to `last` on a stack of its own, leave nothing, and return the figures.

    It needs root, and nft, faketime and e2fsprogs.
    """
    highcharts.fetch()
    jars.fetch(kafka.NAME, ROOT / ".cache" / "jars")
    jars.fetch("s3a", ROOT / ".cache" / "jars")
    os.environ["JAVA_HOME"] = host.java_home()  # programs get it too: without it the broker counts as changed
    _faults.enter_own_network()
    with folder("faults") as scratch, _faults.small_disk(scratch, DISK) as disk, _mailbox() as (notify, messages):
        given = {"source": "sandbox", "history_months": 1, "sandbox_speed": speed, "notify": notify}
        with installation(disk / "home", **given) as s:
            local(s, "up")
            stack = Stack(describe(s))
            with _checker.ForecastLog(s.postgres()) as log:
                cells = list(_cells(stack, disk))[first : last + 1]
                outcomes = [_pass(cell, Voices(stack, messages), console) for cell in cells]
                checked = _check(s, log)
    console.print(_table(outcomes))
    return _figures(outcomes, checked)


def _cells(stack: Stack, disk: Path) -> Iterator[Cell]:
    names = sorted(p["name"] for p in stack.supervisor.processes())
    for name in names:
        yield Cell("kill", name, partial(_faults.kill, stack, name), alone=True)
    for name in names:
        yield Cell("hang", name, partial(_faults.freeze, stack, name), alone=True)
    for name in names:
        yield Cell("partition", name, partial(_faults.partition, stack, name))
    for name in names:
        yield Cell("memory", name, partial(_faults.starve, stack, name))
    yield Cell("full disk", "all", partial(_faults.fill, disk))
    yield Cell("stuck disk", "all", partial(_faults.freeze_disk, disk))
    for hours in (1, -1):
        for name in WITH_CLOCK:
            begin, prepare = partial(_faults.set_off, stack, name, hours), partial(_faults.clock_file, stack, name)
            yield Cell(f"clock {hours:+d} h", name, begin, prepare=prepare)


def _pass(cell: Cell, voices: Voices, console: Console) -> Outcome:
    """Let one fault pass, and wait until all is well again."""
    cell.prepare()
    _seconds_until(lambda: _is_well(voices, 0.0), UNHEALED)
    voices.forget()
    begun, end = time.monotonic(), cell.begin()
    told, by = _listen(voices)
    if not cell.alone:
        time.sleep(HELD)
        end()
        begun = time.monotonic()
    since = time.time()
    well = _seconds_until(lambda: _is_healed(cell, voices, since), UNHEALED, begun)
    if cell.alone:
        end()
    outcome = Outcome(cell.fault, cell.target, told, by, well)
    console.print(" · ".join(_words(outcome)))
    return outcome


def _listen(voices: Voices) -> tuple[float | None, str]:
    """Return the seconds until somebody told something, and who it was."""
    begun = time.monotonic()
    while time.monotonic() - begun < UNTOLD:
        if told := voices.told():
            return time.monotonic() - begun, told
        time.sleep(0.5)
    return None, ""


def _is_healed(cell: Cell, voices: Voices, since: float) -> bool:
    """Say whether all is well; what was killed or hangs has to be another process by then."""
    return (not cell.alone or voices.has_restarted(cell.target)) and _is_well(voices, since)


def _is_well(voices: Voices, since: float) -> bool:
    """Say whether all is well, and a forecast was stored since a time, in UTC epoch seconds."""
    newest = query_rows(voices.stack.s, NEWEST) or [(0.0,)]
    return float(newest[0][0]) > since and voices.is_well()


def _seconds_until(true: Callable[[], bool], longest: float, begun: float | None = None) -> float | None:
    """Return how many seconds it took, None where it took longer than that."""
    begun = time.monotonic() if begun is None else begun
    while time.monotonic() - begun < longest:
        if true():
            return time.monotonic() - begun
        time.sleep(0.5)
    return None


def _is_ok(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _check(s: Settings, log: _checker.ForecastLog) -> dict[str, int]:
    """Let the market stand, and check the histories as soon as what was on its way is stored."""
    until = int(set_clock(s, paused=True)) - BEHIND
    _seconds_until(lambda: not _verdict(s, until).lost, UNTOLD)
    counted = _verdict(s, until)._asdict()
    return counted | {"changed": counted["changed"] + log.changed()}


def _verdict(s: Settings, until: int) -> _checker.Verdict:
    stored = {minute: prices for minute, prices in _checker.stored_bars(s.postgres()).items() if minute[1] < until}
    since = {symbol: min(ts for of, ts in stored if of == symbol) for symbol in s.symbols}
    served = _checker.served_by_sandbox(s.sandbox, since, until)
    published = _checker.messages(client_config(s), Topics.of(s).bars)
    return _checker.verdict(served, stored, published, _checker.forecasts(s.postgres()))


@contextmanager
def _mailbox() -> Iterator[tuple[str, list[str]]]:
    """Give an address for the notifier, and what it was told."""
    messages: list[str] = []

    def keep_title(request: BaseHTTPRequestHandler) -> None:
        messages.append(json.loads(request.rfile.read(int(request.headers["Content-Length"])))["title"])
        request.send_response(200)
        request.end_headers()

    with answering(keep_title) as url:
        yield url.replace("http://", "json://"), messages


def _figures(outcomes: list[Outcome], checked: dict[str, int]) -> dict[str, float]:
    untold = [o for o in outcomes if o.told is None and o.fault not in HARMLESS]
    return {
        "cells": len(outcomes),
        **checked,
        "untold": len(untold),
        "unhealed": sum(o.well is None for o in outcomes),
        "longest_told_s": round(max(o.told or 0 for o in outcomes), 1),
        "longest_well_s": round(max(UNHEALED if o.well is None else o.well for o in outcomes), 1),
    }


def _words(outcome: Outcome) -> tuple[str, ...]:
    told, well = ("never" if seconds is None else f"{seconds:.0f} s" for seconds in (outcome.told, outcome.well))
    return outcome.fault, outcome.target, told, outcome.by, well


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("fault", "of", "told after", "by", "well after")
    for outcome in outcomes:
        table.add_row(*_words(outcome))
    return table
