"""Run a command to its end."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stock_ml.errors import HostError


def run_command(
    argv: Sequence[str],
    failure: str,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | None = None,
) -> None:
    """Run a command silently. Raises HostError with `failure` and the end of its output where it fails."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"{failure}: {(done.stdout + done.stderr).strip()[-1000:]}")


@contextmanager
def secret_line(secret: str, reader: int | None = None) -> Iterator[int]:
    """Return a file descriptor from which the user `reader` may read a secret, also as /dev/stdin.

    Arguments can be read by every user of the machine.
    """
    line, write = os.pipe()
    try:
        if reader is not None:
            os.fchown(line, reader, -1)
        with os.fdopen(write, "w") as file:
            file.write(f"{secret}\n")
        yield line
    finally:
        os.close(line)
