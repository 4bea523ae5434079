"""Every command and health check of the compose file is understood by the program that it calls.

Airflow and MLflow, which take seconds to ask, are asked in tests/dags.
"""

import importlib
import importlib.util
import re
import runpy
import subprocess
from pathlib import Path

import pytest
from gunicorn.config import Config

from local.supervisor.program import BIN
from stock_ml.config import Settings, load
from tests.unit.docker.compose import EVERYWHERE, ROOT, option, services, words

PYTHON_SERVICES = {"producer", "consumer", "pipeline"}


def runs_from_here(command: list[str]) -> bool:
    """Say whether `python -m module` or `python file` names something of the project."""
    if command[1] == "-m":
        return importlib.util.find_spec(command[2]) is not None
    return (ROOT / command[1]).is_file()


@pytest.mark.parametrize("name", sorted(PYTHON_SERVICES))
def test_a_python_command_names_a_module_or_a_file(name: str) -> None:
    command = words(services()[name])
    assert command[0] == "python"
    assert runs_from_here(command)


def test_the_preparation_is_made_of_commands_that_exist() -> None:
    shell, flag, script = words(services()["migrate"])
    assert (shell, flag) == ("bash", "-c")
    migrate, prepare = (part.split() for part in script.split(" && "))
    assert migrate == ["airflow", "db", "migrate"]
    assert runs_from_here(prepare)


@pytest.mark.parametrize("path", sorted((ROOT / "docker").glob("*.py")), ids=lambda path: path.stem)
def test_every_script_finds_what_it_imports(path: Path) -> None:
    runpy.run_path(str(path), run_name="loaded")


@pytest.mark.parametrize("name", ["sandbox", "dashboard"])
def test_gunicorn_finds_its_application_and_the_health_check_its_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = words(services()[name])
    parsed = Config().parser().parse_args(command[1:])
    module, factory = parsed.args[0].removesuffix("()").split(":")
    given: Settings = load(home=tmp_path, source="sandbox")
    app = getattr(importlib.import_module(module), factory)(given)
    url = re.search(r"127\.0\.0\.1:\d+(/\w+)", str(services()[name]["healthcheck"]["test"]))
    assert url is not None
    assert url[1] in {rule.rule for rule in app.url_map.iter_rules()}


def test_seaweedfs_knows_every_flag_given() -> None:
    help_text = subprocess.run([BIN / "weed", "help", "server"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^  -([\w.]+)", help_text.stdout + help_text.stderr, re.MULTILINE))
    command = words(services()["s3"])
    assert command[0] == "server"
    assert {word[1:].split("=")[0] for word in command[1:]} <= known
    assert option(command, "-ip.bind") == EVERYWHERE
