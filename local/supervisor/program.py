"""What a supervised process is."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
BIN = Path(sys.executable).parent


def no_preparation() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Program:
    """Describe one process: its command, the steps that it needs, and when it is ready."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    ports: Mapping[str, int] = field(default_factory=dict)  # setting name -> port
    env: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    prepare: Callable[[], None] = no_preparation
    stop_signal: str = "TERM"
