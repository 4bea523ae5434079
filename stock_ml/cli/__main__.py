"""The entry point of `stockml`, and of `python -m stock_ml.cli`."""

import os
import sys

from rich.console import Console
from rich.markup import escape

from stock_ml.errors import StockMLError


def main() -> int:
    """Run a command and return its exit code; an error that is foreseen is one line."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reads it when it is imported
    from stock_ml.cli.app import app

    try:
        app()
    except StockMLError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]stopped:[/] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
