"""Check what the machine must bring, before anything is installed: run by its own Python, whatever the version."""

import re
import shutil
import subprocess
import sys
from typing import Optional  # runs on old versions too

OLDEST, NEWEST = (3, 11), (3, 13)
PYTHON = "Debian: apt-get install python3 python3-venv; macOS: brew install python@3.11; then make up PYTHON=python3.11"
JAVA = "Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17"


def trouble() -> Optional[str]:
    """Say what is missing and the command that installs it, or nothing."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return f"Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}. {PYTHON}"
    try:
        import ensurepip
        import venv
    except ImportError:
        return "Python's venv module is missing. " + PYTHON
    if shutil.which("java") is None:
        return "Java 17 or newer is needed and there is no java on PATH. " + JAVA
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found.group(1)) < 17:
        return f"Java 17 or newer is needed, found: {said.splitlines()[:1]}. {JAVA}"
    return None


if __name__ == "__main__":
    sys.exit(trouble())
