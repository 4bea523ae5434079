"""Airflow in processes of its own, apart from the one that tests."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local import jars
from local.airflow_client import Airflow as Api
from local.secrets import ensure_secrets
from local.servers import services
from local.servers.airflow import airflow_environment, migrate, programs
from stock_ml.config import Settings
from tests.servers import running, tables

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
    given: Mapping[str, str] = field(default_factory=dict)

    def ask(self, command: str, *words: str, **env: str) -> Answer:
        answer = self.home / "answer.json"
        done = self._run([sys.executable, "-m", "tests.dags.airflow_process", command, str(answer), *words], env)
        return Answer(json.loads(answer.read_text()), done.stdout + done.stderr)

    def _run(self, argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        env = _bare() | self._own() | dict(self.given) | env
        done = subprocess.run(argv, cwd=self.home, env=env, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done

    @contextmanager
    def started(self, module: str, *words: str, **env: str) -> "Iterator[subprocess.Popen[str]]":
        """Start a module that tells what it has to say line by line; it ends with the block, and all that it left."""
        env, argv = _bare() | self._own() | dict(self.given) | env, [sys.executable, "-m", module, *words]
        with subprocess.Popen(
            argv, cwd=self.home, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

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
    return airflow.ask("parse", "sandbox", "alpha_vantage", "yahoo", "alpaca", "csv").value


@pytest.fixture(scope="session")
def exchange(s3: Settings) -> Iterator[Settings]:
    """A sandbox exchange beside the S3 service."""
    (sandbox,) = [program for program in services.programs(s3) if program.name == "sandbox"]
    with running(sandbox, s3):
        yield s3


@pytest.fixture(scope="session")
def of_two(exchange: Settings, mlflow_server: Settings) -> Settings:
    """An installation of two symbols beside exchange, S3 and MLflow, its tables made."""
    s = exchange.model_copy(update={"symbols": ("AAPL", "GOOGL"), "history_months": 1, "spark_memory": "1g"})
    jars.fetch("s3a", s.jars)
    migrate(s, ensure_secrets(s))
    tables(s)
    return s


@pytest.fixture(scope="session")
def installed(airflow: Airflow, of_two: Settings) -> Airflow:
    """Airflow configured as an installation is, on PostgreSQL."""
    return Airflow(airflow.home, airflow_environment(of_two, ensure_secrets(of_two)))


@pytest.fixture(scope="session")
def api(of_two: Settings) -> Iterator[Api]:
    """A real api-server, which knows what was run."""
    secrets = ensure_secrets(of_two)
    server = next(p for p in programs(of_two, secrets) if p.name == "airflow-api-server")
    with running(server, of_two):
        yield Api(of_two, secrets)
