"""Check what the machine must bring, before anything is installed: run by its own Python, whatever the version.

`python local/preflight.py` says what is missing.
`python local/preflight.py .venv` exits with 0 where this Python made the environment .venv.
"""

import sys
from pathlib import Path
from typing import Optional  # runs on old versions too

OLDEST, NEWEST = (3, 11), (3, 13)
PYTHON = "Debian: apt-get install python3 python3-venv; macOS: brew install python@3.11; then make up PYTHON=python3.11"


def missing_requirement(version: "tuple[int, ...]" = sys.version_info[:2]) -> Optional[str]:
    """Say what is missing and the command that installs it, or nothing."""
    if not OLDEST <= version <= NEWEST:
        return f"Python 3.11 to 3.13 is needed, this is {'.'.join(str(part) for part in version)}. {PYTHON}"
    try:
        import ensurepip
        import venv
    except ImportError:
        return "Python's venv module is missing. " + PYTHON
    return _java()


def _java() -> Optional[str]:
    # here, for an old Python cannot read it
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from stock_ml.adapters import host
    from stock_ml.errors import HostError

    try:
        host.java_version()
    except HostError as error:
        return str(error)
    return None


def same_python(environment: Path) -> bool:
    """Say whether the environment was made by this Python, or is this Python's own and has kept its version."""
    try:
        lines = (environment / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return False
    noted = dict(line.split(" = ", 1) for line in lines if " = " in line)
    base = Path(getattr(sys, "_base_executable", sys.executable)).parent  # as the module venv notes it
    own = Path(sys.prefix).resolve() == environment.resolve()
    version = [str(part) for part in sys.version_info[:2]]
    return (own or noted.get("home") == str(base)) and noted.get("version", "").split(".")[:2] == version


if __name__ == "__main__":
    sys.exit(missing_requirement() if len(sys.argv) == 1 else not same_python(Path(sys.argv[1])))
