"""Try a source with the kit: `python -m stock_ml.testing NAME --service MODULE:OBJECT`, then options of pytest."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# the kit is the same wherever it runs: no settings of pytest from the folder that it is started in
OPTIONS = ["-q", "-c", os.devnull, f"--rootdir={HERE}", "--import-mode=importlib", "-p", "no:cacheprovider"]


def main(argv: list[str]) -> int:
    """Run the kit and return pytest's exit code."""
    if len(argv) < 3 or argv[1] != "--service":
        sys.stderr.write(f"{__doc__}\n")
        return 2
    name, _, service, *more = argv
    own = ["-p", "stock_ml.testing.pytest_plugin", f"--source={name}", f"--service={service}"]
    return int(pytest.main([*OPTIONS, *own, *more, str(HERE)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
