"""From nothing to a live forecast: cold with empty package caches, then warm; and what the stack takes at rest."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
from rich.console import Console
from rich.table import Table

from benchmarks._servers import folder
from local.memory import memory
from local.ports import free
from local.supervisor.program import ROOT
from stock_ml.config import Settings

REST_SECONDS = 120
SETTLE_SECONDS = 30


@dataclass(frozen=True)
class Clone:
    """Hold a fresh clone of the last commit, with package caches and ports of its own."""

    folder: Path
    env: dict[str, str]

    def make(self, target: str) -> float:
        """Run a make target and return the seconds it took."""
        begun = time.time()
        subprocess.run(["make", target], cwd=self.folder, env=self.env, check=True)
        return time.time() - begun

    def up(self) -> dict[str, float]:
        """Start the stack; return each step's seconds, and `total` until the first forecast."""
        begun = time.time()
        self.make("up")
        steps = json.loads((self.folder / ".stockml/sandbox/start.json").read_text())
        total = steps["forecast"][1] - begun
        return {name: ended - began for name, (began, ended) in steps.items()} | {"total": total}


def run(console: Console) -> dict[str, float]:
    """Measure both starts and the rest, leave nothing running, and return the figures."""
    with folder("start") as scratch:
        clone = _clone(scratch)
        try:
            packages = clone.make(".venv/ready")
            cold = clone.up()
            clone.make("down")
            warm = clone.up()
            resident, cores = _at_rest(clone)
        finally:
            clone.make("down")
    cold["total"] += packages
    console.print(_table({"packages": packages} | cold, warm))
    figures = {"cold_s": cold["total"], "warm_s": warm["total"], "resident_mib": resident, "idle_cores": cores}
    return {name: round(value, 3) for name, value in figures.items()}


def _clone(scratch: Path) -> Clone:
    folder = scratch / "stock_ml"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    ports = {f"STOCKML_{n.upper()}": str(p) for n, p in zip(names, free(len(names)), strict=True)}
    caches = {"UV_CACHE_DIR": scratch / "uv", "PIP_CACHE_DIR": scratch / "pip", "npm_config_cache": scratch / "npm"}
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("STOCKML_", "ALPHAVANTAGE_"))}
    return Clone(folder, inherited | ports | {name: str(path) for name, path in caches.items()})


def _at_rest(clone: Clone) -> tuple[float, float]:
    sandbox = f"http://127.0.0.1:{clone.env['STOCKML_SANDBOX_PORT']}/clock"
    requests.post(sandbox, json={"paused": True}, timeout=10).raise_for_status()
    time.sleep(SETTLE_SECONDS)
    supervisor = int((clone.folder / ".stockml/sandbox/supervisord.pid").read_text())
    before = _cpu_seconds(supervisor)
    time.sleep(REST_SECONDS)
    return memory(supervisor), (_cpu_seconds(supervisor) - before) / REST_SECONDS


def _cpu_seconds(pid: int) -> float:
    one = psutil.Process(pid)
    times = [p.cpu_times() for p in (one, *one.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def _table(cold: dict[str, float], warm: dict[str, float]) -> Table:
    table = Table("step", "cold s", "warm s", title="seconds of each step (several run at once)")
    for name, seconds in cold.items():
        table.add_row(name, f"{seconds:.1f}", f"{warm[name]:.1f}" if name in warm else "")
    return table
