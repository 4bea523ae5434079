"""Servers of a benchmark's own, in a folder that is gone afterwards, and the highest value of a figure meanwhile."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from local.secrets import ensure_secrets
from local.servers import postgres, postgres_roles, seaweed, services
from local.supervisor.program import Program
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.config import Settings
from tests.servers import running, settings_in


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give a folder until the block ends; PostgreSQL's user may enter it."""
    with tempfile.TemporaryDirectory(prefix=f"stock_ml-{name}-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        yield Path(home)


@contextmanager
def database(s: Settings) -> Iterator[None]:
    """Run PostgreSQL with the product's tables until the block ends."""
    with running(postgres.program(s), s):
        postgres_roles.ensure_roles(s)
        migrate(s)
        yield


@contextmanager
def object_store(s: Settings) -> Iterator[Lake]:
    """Run S3 until the block ends, and give the lake in it."""
    with seaweed.remove_sockets_after(s), running(seaweed.program(s, ensure_secrets(s)), s):
        lake = Lake.connect(s)
        lake.ensure_bucket()
        yield lake


@contextmanager
def dashboard(name: str, symbols: tuple[str, ...]) -> Iterator[tuple[Settings, int]]:
    """Run PostgreSQL and the dashboard until the block ends; give the settings and the process id of gunicorn."""
    with folder(name) as home:
        s = settings_in(home, source="csv", csv_path=home, symbols=symbols)
        with database(s), running(service(s, "dashboard"), s) as process:
            yield s, process.pid


def service(s: Settings, name: str) -> Program:
    """Return one of the product's own programs: sandbox, producer, consumer or dashboard."""
    return next(program for program in services.programs(s) if program.name == name)


@dataclass
class Highest:
    """Hold the highest value that was measured."""

    value: float = 0.0


@contextmanager
def highest(measure: Callable[[], float], seconds: float) -> Iterator[Highest]:
    """Measure every so many seconds until the block ends, and note the highest value. Raises what `measure` raises."""
    found, done = Highest(), Event()

    def watch() -> None:
        while not done.wait(seconds):
            found.value = max(found.value, measure())

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield found
        finally:
            done.set()
        watching.result()
