"""Fetch the jars that Kafka and Spark's S3 access need, each pinned by its SHA-256, with the Ivy that pyspark ships."""

import hashlib
import importlib.util
import tempfile
from pathlib import Path
from typing import NamedTuple

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from local.commands import run_command
from stock_ml.adapters import host
from stock_ml.errors import HostError

LOCKS = Path(__file__).parent / "locks"
AGAIN = Retrying(retry=retry_if_exception_type(HostError), stop=stop_after_attempt(3), wait=wait_fixed(5), reraise=True)
SETTINGS = """<ivysettings><settings defaultResolver="central"/>
<resolvers><ibiblio name="central" m2compatible="true" usepoms="false"/></resolvers></ivysettings>"""


class Jar(NamedTuple):
    """Name one jar and what its bytes must hash to."""

    organisation: str
    module: str
    revision: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.module}-{self.revision}.jar"


def locked(name: str) -> list[Jar]:
    """Return the jars of a lock file: kafka or s3a."""
    lines = (LOCKS / f"{name}.lock").read_text().splitlines()
    return [Jar(*line.split()) for line in lines if not line.startswith("#")]


def fetch(name: str, jars: Path) -> Path:
    """Return the folder with the jars of a lock file; what is missing or damaged is fetched.

    Raises HostError where a jar cannot be had, or is not the pinned one.
    """
    folder = jars / name
    missing = [jar for jar in locked(name) if not _is_right(folder / jar.file, jar)]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        AGAIN(_retrieve, missing, folder)  # one download that fails now and then must not end a set-up
    return folder


def _is_right(file: Path, jar: Jar) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == jar.sha256


def _retrieve(missing: list[Jar], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _ivy(missing, Path(scratch))
        for jar in missing:
            if not _is_right(Path(scratch) / jar.file, jar):
                raise HostError(f"{jar.file} was not fetched as pinned in local/locks: check the network and try again")
            (Path(scratch) / jar.file).replace(folder / jar.file)


def _ivy(missing: list[Jar], scratch: Path) -> None:
    (scratch / "settings.xml").write_text(SETTINGS)
    (scratch / "ivy.xml").write_text(_module(missing))
    files = ["-settings", "settings.xml", "-ivy", "ivy.xml", "-cache", "cache"]
    command = [host.java(), "-cp", _ivy_jar(), "org.apache.ivy.Main", *files]
    command += ["-retrieve", "[artifact]-[revision].[ext]", "-error"]
    run_command(command, "Ivy could not fetch the jars", cwd=scratch)


def _module(missing: list[Jar]) -> str:
    row = '<dependency org="{}" name="{}" rev="{}" transitive="false"/>'
    rows = "".join(row.format(*jar[:3]) for jar in missing)
    info = '<info organisation="stock_ml" module="jars"/>'
    return f'<ivy-module version="2.0">{info}<dependencies>{rows}</dependencies></ivy-module>'


def _ivy_jar() -> str:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise HostError("pyspark is not installed: run `make up`")
    return str(next((Path(spec.origin).parent / "jars").glob("ivy-*.jar")))
