"""The kit passes the built-in sources and the example of the documentation, and fails a source that is wrong."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.supervisor.program import ROOT

EXAMPLE = ROOT / "docs" / "example_source"
INSTALL = ("pip", "install", "-q", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable)
PASSES = r"source {} passes (\d+) hostile answers of (\d+)"
CRYPTO = [("crypto", name) for name in ("COINBASE", "KRAKEN", "BINANCE")]
OWN = re.compile(r"STOCKML_|ALPHAVANTAGE_|PYTEST_")


def kit(source: str, service: str, *options: str, site: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the kit as a person does, with packages in a folder."""
    env = {name: value for name, value in os.environ.items() if not OWN.match(name)}
    env["PYTHONPATH"] = f"{ROOT}{os.pathsep}{site}"
    argv = [sys.executable, "-m", "stock_ml.testing", source, "--service", service, *options]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def installed(folder: Path, package: Path) -> Path:
    """Install a package as a person does, without a network, and return where it is."""
    site, copy = folder / "site", folder / "package"
    shutil.copytree(package, copy, dirs_exist_ok=True)  # a build leaves folders behind
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, *INSTALL, "--target", site, copy], check=True, capture_output=True)
    return site


def passed(done: subprocess.CompletedProcess[str], source: str) -> int:
    """Return how many hostile answers a source passes: all."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(PASSES.format(source), done.stdout)
    assert found, done.stdout
    assert found[1] == found[2]
    return int(found[1])


@pytest.mark.parametrize(
    ("source", "service"),
    [
        ("sandbox", "SANDBOX"),
        ("alpha_vantage", "CSV"),
        ("yahoo", "YAHOO"),
        ("alpaca", "ALPACA"),
        ("csv", "FILES"),
        *CRYPTO,
    ],
)
def test_a_built_in_source_passes(source: str, service: str) -> None:
    assert passed(kit(source, f"tests.services:{service}"), source) >= 47


def test_the_example_of_the_documentation_passes_once_it_is_installed(tmp_path: Path) -> None:
    site = installed(tmp_path, EXAMPLE)
    assert passed(kit("example_rest", "example_source.service:SERVICE", site=site), "example_rest") == 49


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('yield bar["t"], bar["o"]', 'yield bar["t"] + 60, bar["o"]', "other bars"),
        ('["bars"]:', '["bars"][1:]:', "other bars"),
        ('bar["h"], bar["l"]', 'bar["l"], bar["h"]', "holds no bars|other bars"),
        ('yield bar["t"]', 'yield bar["t"] * 1000', "is not of the years"),
        ('yield bar["t"]', 'yield str(bar["t"])', "is no number"),
    ],
    ids=str.split("minute_late first_lost high_as_low milliseconds text"),
)
def test_a_source_that_is_wrong_fails(tmp_path: Path, right: str, wrong: str, says: str) -> None:
    package = tmp_path / "wrong"
    shutil.copytree(EXAMPLE, package)
    module = package / "example_source" / "__init__.py"
    assert right in module.read_text()
    module.write_text(module.read_text().replace(right, wrong))
    site = installed(tmp_path, package)
    done = kit("example_rest", "example_source.service:SERVICE", "-k", "month_is_the_bars", site=site)
    assert done.returncode == 1, done.stdout
    assert re.search(says, done.stdout), done.stdout


def test_a_connection_that_is_wrong_fails_and_the_sum_says_so(tmp_path: Path) -> None:
    package = tmp_path / "wrong"
    shutil.copytree(EXAMPLE, package)
    module = package / "example_source" / "stream.py"
    right, wrong = "except (orjson.JSONDecodeError, KeyError, TypeError)", "except (KeyError, TypeError)"
    assert right in module.read_text()
    module.write_text(module.read_text().replace(right, wrong))
    site = installed(tmp_path, package)
    done = kit("example_rest", "example_source.service:SERVICE", "-k", "test_push", site=site)
    assert done.returncode == 1, done.stdout
    assert "the connection of source example_rest: the plug-in raised JSONDecodeError at" in done.stdout
    assert re.search(r"source example_rest fails \d+ tests, and passes 0 hostile answers of 0", done.stdout)


def test_without_a_service_it_says_how_it_is_run() -> None:
    argv = [sys.executable, "-m", "stock_ml.testing", "yahoo"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "python -m stock_ml.testing NAME --service MODULE:OBJECT" in done.stderr
