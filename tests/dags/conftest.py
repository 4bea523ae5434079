"""Airflow in a process and a folder of its own, on SQLite."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """Hold what a child process said: its answer, and everything that it logged."""

    value: dict[str, Any]
    log: str


@dataclass(frozen=True)
class Airflow:
    """Run Airflow's own code in child processes; `home` also keeps `.env` of the project out of reach."""

    home: Path

    def ask(self, *words: str, **env: str) -> Answer:
        done = self._run([sys.executable, "-m", "tests.dags.child", *words], env)
        return Answer(json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr)

    def migrate(self) -> None:
        self._run([sys.executable, "-m", "airflow", "db", "migrate"], {})

    def _run(self, argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        env = _bare() | self._own() | env
        done = subprocess.run(argv, cwd=self.home, env=env, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done

    def _own(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        }


def _bare() -> dict[str, str]:
    ours = ("STOCKML_", "AIRFLOW", "ALPHAVANTAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """Airflow without a database: enough to parse."""
    return Airflow(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def parsed(airflow: Airflow) -> dict[str, Any]:
    """What Airflow made of the DAG files, for each source."""
    return airflow.ask("parse", "sandbox", "alpha_vantage", "csv").value


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """Airflow with a database of its own."""
    airflow = Airflow(tmp_path_factory.mktemp("airflow_db"))
    airflow.migrate()
    return airflow
