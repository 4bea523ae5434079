"""Real servers for tests, each started at most once in a run, on free ports, in a temporary folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from local import ports
from local.secrets import ensure_secrets
from local.servers import mlflow, postgres_roles, seaweed
from local.servers import postgres as postgres_program
from stock_ml.config import Settings
from tests.servers import broker, running, settings_in

# a busy machine is no failure; what a person finds by chance at the desk must not decide whether others may land
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10)  # `make unit`
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

# two workers choose ports at once: a port that one has chosen and not yet taken must be none of the other's
if os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    number, workers = (int(os.environ[f"PYTEST_XDIST_WORKER{part}"].removeprefix("gw")) for part in ("", "_COUNT"))
    ports.SERVERS = ports.SERVERS[number::workers]


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings of source sandbox that point at this run's own servers."""
    home = Path(tempfile.mkdtemp(prefix="stock_ml-"))
    yield settings_in(home, sandbox_faults=True)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres(settings: Settings) -> Iterator[Settings]:
    """A real PostgreSQL with the three databases, still empty."""
    with running(postgres_program.program(settings), settings):
        postgres_roles.ensure_roles(settings)
        yield settings


@pytest.fixture(scope="session")
def kafka(settings: Settings) -> Iterator[Settings]:
    """A real Kafka broker without topics."""
    with broker(settings):
        yield settings


@pytest.fixture(scope="session")
def s3(settings: Settings) -> Iterator[Settings]:
    """A real S3 service without buckets."""
    with seaweed.remove_sockets_after(settings), running(seaweed.program(settings, ensure_secrets(settings)), settings):
        yield settings


@pytest.fixture(scope="session")
def mlflow_server(postgres: Settings, s3: Settings) -> Iterator[Settings]:
    """A real MLflow server on PostgreSQL and S3; the bucket is yours to create."""
    with running(mlflow.program(postgres, ensure_secrets(postgres)), postgres):
        yield postgres
