"""Serve the sandbox exchange on its port: `python -m local.sandbox`."""

import os
import sys

from stock_ml.config import load


def main() -> None:
    """Become gunicorn: one process keeps the clock, threads answer."""
    address = f"127.0.0.1:{load().sandbox_port}"
    server = ["-m", "gunicorn", "--bind", address, "--workers", "1", "--threads", "8", "--no-control-socket"]
    os.execv(sys.executable, [sys.executable, *server, "local.sandbox.app:create_app()"])


if __name__ == "__main__":
    main()
