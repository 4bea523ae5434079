"""An upgrade of PostgreSQL's data as a process that kills itself before the step that its argument names."""

import os
import signal
import sys

from local.servers.postgres_upgrade import upgrade
from stock_ml.config import load


def report(line: str) -> None:
    """Print a step, or die."""
    if sys.argv[1] and sys.argv[1] in line:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    upgrade(load(), report)
