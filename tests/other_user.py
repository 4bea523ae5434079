"""Act as another user of the machine, whom nothing belongs to and no group counts among its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, NOBODY = 12345, 65534


def as_other_user(*argv: str | Path, user: int = USER, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command as another user and return how it went. Skips the test where this user is not root."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root, with setpriv of util-linux, can act as another user")
    other = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    words = [*other, *(str(word) for word in argv)]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=120, cwd="/", env=os.environ | env
    )


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that every user may enter; those of pytest are its user's alone."""
    with tempfile.TemporaryDirectory(prefix="stock_ml-open-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
