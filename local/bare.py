"""Check, before anything is installed, what the machine must bring: run by the system's own Python, whatever its age."""

import re
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
PYTHON = "Debian: apt-get install python3 python3-venv; macOS: brew install python@3.11; then make up PYTHON=python3.11"
JAVA = "Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17"


def trouble():
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return "Python 3.11 to 3.13 is needed, this is %d.%d. %s" % (*sys.version_info[:2], PYTHON)
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return "Python's venv module is missing. " + PYTHON
    if shutil.which("java") is None:
        return "Java 17 or newer is needed and there is no java on PATH. " + JAVA
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found.group(1)) < 17:
        return "Java 17 or newer is needed, found: %s. %s" % (said.splitlines()[:1], JAVA)
    return None


if __name__ == "__main__":
    sys.exit(trouble())
