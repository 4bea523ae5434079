"""Serve the sandbox exchange on its port: `python -m sandbox`."""

import os
import sys

from sandbox.exchange.clock import StoredClock
from stock_ml.config import load
from stock_ml.errors import StockMLError

# a worker whose gunicorn was killed keeps the port while clients stay connected, at most for that timeout
OPTIONS = ("--workers=1", "--threads=8", "--graceful-timeout=1", "--log-level=warning", "--no-control-socket")
APP = "sandbox.exchange.app:create_app()"


def main() -> None:
    """Become gunicorn: one process keeps the clock, threads answer. What stands in the way is told in one line."""
    try:
        s = load()
        StoredClock.of(s)
    except StockMLError as error:
        raise SystemExit(f"stopped: {error}") from None
    address = f"127.0.0.1:{s.sandbox_port}"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--bind", address, *OPTIONS, APP])


if __name__ == "__main__":
    main()
