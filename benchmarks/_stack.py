"""The stack under its supervisor, but for Airflow, replaying a file's bars: what chaos and soak disturb and watch."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks._consumer import fixed_scorer
from benchmarks._servers import folder
from local import jars, probes
from local.down import down
from local.installation import Installation, describe, steps
from local.progress import ProgressDisplay
from local.servers import kafka
from local.startup_steps import Step, run_all
from local.supervisor.supervisor import Supervisor
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.config import Settings
from stock_ml.domain.bars import COLUMNS, Bar
from stock_ml.domain.ingest_records import QualityReport
from stock_ml.training.version_tags import training_config
from tests.servers import settings_in
from tests.session_file import session_at

NAMES = ("postgres", "s3", "kafka", "mlflow", "producer", "consumer", "dashboard")
STEPS = ("databases", "tables", "kafka-user", "topics")  # that these programs need


@dataclass
class Stack:
    """Hold one installation and its supervisor."""

    installation: Installation
    supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.s)

    @property
    def s(self) -> Settings:
        """Return the settings, secrets included."""
        return self.installation.settings

    def up(self, bars: list[Bar]) -> None:
        """Start all; the first time the bars become the lake's, with a champion for them."""
        champion = Step("champion", partial(_champion, self.s, bars), ("mlflow", "s3", "tables"))
        start_programs(self.installation, self.supervisor, STEPS, champion)

    def down(self) -> None:
        """Stop all, in order."""
        down(self.s, Console(quiet=True))

    def pid(self, name: str) -> int:
        """Return the process id of a program, as soon as it has one."""
        probes.wait(name, lambda: bool(self.supervisor.process(name)["pid"]), 120, log=name)
        return int(self.supervisor.process(name)["pid"])


def start_programs(made: Installation, supervisor: Supervisor, names: Collection[str], *more: Step) -> None:
    """Start the programs of an installation; take these steps of `make up` too, and `more` of one's own."""
    supervisor.load(made.programs)
    console = Console(quiet=True)
    wanted = {*names, *(program.name for program in made.programs)}
    chosen = [step for step in steps(made, supervisor, console) if step.name in wanted]
    with ProgressDisplay(console) as display:
        run_all([*chosen, *more], display)


@contextmanager
def stack(symbols: tuple[str, ...], speed: float, without: str = "") -> Iterator[Stack]:
    """Give a stack that is not up yet; all of it is gone afterwards. `speed`: market seconds a second of the replay."""
    with folder("stack") as home:
        files = home / "files"
        files.mkdir()
        for number, symbol in enumerate(symbols):
            (files / f"{symbol}.csv").write_text(session_at(100 + number))
        given = {"source": "csv", "csv_path": files, "symbols": symbols, "holdout_sessions": 2}
        s = settings_in(home, sandbox_speed=speed, **given)
        jars.fetch(kafka.NAME, s.jars)
        whole = describe(s)
        made = Stack(replace(whole, programs=[p for p in whole.programs if p.name in NAMES and p.name != without]))
        try:
            yield made
        finally:
            made.down()


def _champion(s: Settings, bars: list[Bar]) -> None:
    from stock_ml.adapters.mlflow import log_model, tracking  # they take seconds, and most importers log no model

    lake = Lake.connect(s)
    lake.ensure_bucket()
    if lake.clean_months(s.symbols[0]):
        return
    frame = pd.DataFrame(bars).assign(filled=False, official_close=np.nan)
    frame["ts"] = pd.to_datetime(frame["ts"], unit="s", utc=True)
    for symbol, rows in frame.groupby("symbol"):
        lake.write_clean(str(symbol), "2024-03", rows[list(COLUMNS)])
        digest = sha256((s.csv_path / f"{symbol}.csv").read_bytes()).hexdigest() if s.csv_path else ""
        lake.write_quality(str(symbol), "2024-03", cast(QualityReport, {"raw": f"raw/{digest}"}))
    with tracking.run(s, {}), tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "none").write_text("no Spark made this model")
        made = log_model.register(s, fixed_scorer(s), Path(folder), training_config(s))
    Registry.connect(s).promote(made)
