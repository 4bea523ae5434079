"""Airflow and MLflow understand their commands in the compose file: their own parsers say so."""

import subprocess
import sys
from pathlib import Path

from tests.unit.docker.compose import services, words

AIRFLOW = """
import sys
from airflow.cli.cli_parser import get_parser
for line in sys.argv[1:]:
    get_parser.cache_clear()
    get_parser().parse_args(line.split())
"""
MLFLOW = """
import sys
from mlflow.cli import cli
cli.commands["server"].make_context("server", sys.argv[1:])
"""


def understands(program: str, arguments: list[str], folder: Path) -> None:
    """Let a program's own parser read the arguments, in a process of its own."""
    argv = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        argv, cwd=folder, env={"AIRFLOW_HOME": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_airflow_understands_its_commands(tmp_path: Path) -> None:
    commands = [words(service) for service in services().values()]
    commands = [command[1:] for command in commands if command[:1] == ["airflow"]]
    assert {command[0] for command in commands} == {"api-server", "scheduler", "dag-processor", "triggerer"}
    assert len(commands) == 4
    understands(AIRFLOW, [" ".join(command) for command in commands], tmp_path)


def test_mlflow_understands_its_command(tmp_path: Path) -> None:
    command = words(services()["mlflow"])
    assert command[:2] == ["python", "/mlflow_server.py"]
    understands(MLFLOW, command[2:], tmp_path)
