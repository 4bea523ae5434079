"""Run a command to its end."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from stock_ml.errors import HostError


def run_command(
    argv: Sequence[str], failure: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command silently. Raises HostError with `failure` and the end of its output where it fails."""
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"{failure}: {(done.stdout + done.stderr).strip()[-1000:]}")
