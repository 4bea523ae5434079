"""docs/containers.md names services, settings and commands that exist."""

import re
import shlex

import pytest

from stock_ml.cli.app import app
from tests.unit.docker.compose import ROOT, services

PAGE = (ROOT / "docs" / "containers.md").read_text()
COMMANDS = [shlex.split(line) for line in re.findall(r"^    (docker compose .+)$", PAGE, re.MULTILINE)]
STOCKML = {command.name for command in app.registered_commands}


def named(command: list[str]) -> list[str]:
    """Return the services that a command names: one for exec and run, which a program follows, else all words."""
    words = [word for word in command[3:] if not word.startswith("-")]
    return words[:1] if command[2] in ("exec", "run") else [word for word in words if "=" not in word]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_names_services_that_exist(command: list[str]) -> None:
    assert [name for name in named(command) if name not in services()] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_of_stockml_exists(command: list[str]) -> None:
    after = command[command.index("stock_ml.cli") + 1] if "stock_ml.cli" in command else None
    assert after is None or after in STOCKML


def test_every_setting_that_the_page_names_exists() -> None:
    example = (ROOT / ".env.example").read_text()
    assert [name for name in re.findall(r"STOCKML_\w+", PAGE) if f"#{name}=" not in example] == []


def test_prometheus_is_told_the_ports_where_the_figures_are() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in ("consumer", "producer"):
        (port,) = re.findall(rf"names: \[{name}\], type: A, port: (\d+)", PAGE)
        assert f"#STOCKML_{name.upper()}_PORT={port}\n" in example
