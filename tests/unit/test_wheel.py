"""What `pip install .` installs: every tracked file of the packages, and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser

import pytest

from local.supervisor.program import ROOT
from stock_ml import __version__, source_plugins

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
PACKAGES = ("stock_ml", "serving", "sandbox")
NEEDED = (*PACKAGES, "pyproject.toml", "requirements.in", "README.md", "LICENSE")


def tracked(places: tuple[str, ...]) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *places], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a checkout that was used: Highcharts is there, and Python's own caches."""
    checkout, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("built")
    used = ["serving/dashboard/static/vendor/highcharts/highstock.js", "stock_ml/__pycache__/config.cpython-311.pyc"]
    for name in tracked(NEEDED):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    for name in used:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    subprocess.run([sys.executable, "-c", BUILD, str(built)], cwd=checkout, capture_output=True, check=True)
    return zipfile.ZipFile(next(built.glob("*.whl")))


def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_it_holds_the_tracked_files_of_its_packages_alone(wheel: zipfile.ZipFile) -> None:
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == tracked(PACKAGES)


def test_it_needs_what_the_product_needs(wheel: zipfile.ZipFile) -> None:
    lines = (ROOT / "requirements.in").read_text().splitlines()
    asked = {name.lower() for line in lines if (name := re.split(r"[\s=<>\[#]", line)[0])}
    told = metadata(wheel)
    assert {re.split(r"[=<>\[]", need)[0].lower() for need in told.get_all("Requires-Dist", [])} == asked
    assert told["Version"] == __version__


def test_its_command_is_stockml_and_its_sources_are_those_of_a_checkout(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    found = ConfigParser()
    found.read_string(wheel.read(name).decode())
    assert dict(found["console_scripts"]) == {"stockml": "stock_ml.cli.__main__:main"}
    assert dict(found[source_plugins.GROUP]) == source_plugins.BUILT_IN


def test_it_is_built_by_what_the_lock_holds() -> None:
    built_by = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    lock = (ROOT / "requirements-dev.txt").read_text()
    assert built_by == re.findall(r"^(setuptools==\S+)", lock, re.MULTILINE)
