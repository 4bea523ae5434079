"""Read docker-compose.yaml as Compose would: anchors merged, variables filled in."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yaml"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container; outside, ports are published on loopback
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")

Service = dict[str, Any]


@cache
def raw() -> dict[str, Any]:
    """Return the file with its anchors merged and its variables as they stand."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


def services(**env: str) -> dict[str, Service]:
    """Return the services as started with these variables; required ones that are missing get a made-up value."""
    found: dict[str, Service] = _filled(raw()["services"], env)
    return found


def words(service: Service) -> list[str]:
    """Return a service's command, split as Compose splits it."""
    command = service.get("command", [])
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]


def option(command: list[str], name: str) -> str:
    """Return the value of an option given as `--name value` or `-name=value`."""
    for word, after in zip(command, [*command[1:], ""], strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.split("=", 1)[1]
    raise AssertionError(f"{name} is not among {command}")


def leaves(node: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Return every value of the file as text, with where it stands."""
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, str(key)))]
    if isinstance(node, list):
        return [leaf for number, value in enumerate(node) for leaf in leaves(value, (*path, str(number)))]
    return [(path, "" if node is None else str(node))]


def _filled(node: Any, env: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, env) for value in node]
    return VARIABLE.sub(lambda m: _value(m, env), node).replace("$$", "$") if isinstance(node, str) else node


def _value(match: re.Match[str], env: dict[str, str]) -> str:
    name, kind, default = match.groups()
    return env.get(name) or (f"made-up-{name.lower()}" if kind == "?" else default or "")
