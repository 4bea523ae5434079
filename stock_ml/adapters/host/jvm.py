"""Find Java, and its version: with the standard library alone, since it is asked before anything is installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from stock_ml.errors import HostError

OLDEST_JAVA = 17
INSTALL_JAVA = "Debian: apt-get install default-jre-headless; macOS: brew install openjdk@17"


def java() -> str:
    """Return the java program, of JAVA_HOME where it is set, else of PATH.

    Raises HostError where there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        where = f"JAVA_HOME={home}" if home else "PATH"
        raise HostError(f"Java {OLDEST_JAVA} or newer is needed and there is no java in {where}. {INSTALL_JAVA}")
    return found


def java_home() -> str:
    """Return JAVA_HOME, else the folder where PATH's java is installed; "" where that cannot be told.

    Raises HostError where there is no Java.
    """
    found = Path(java()).resolve()
    home = Path(os.environ.get("JAVA_HOME") or found.parent.parent)
    return str(home) if (home / "bin" / "java").exists() else ""


def java_version() -> int:
    """Return Java's major version.

    Raises HostError where it is missing or too old.
    """
    said = subprocess.run([java(), "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        first = said.strip().splitlines()[0] if said.strip() else "nothing"
        raise HostError(f"Java {OLDEST_JAVA} or newer is needed, `java -version` says: {first}. {INSTALL_JAVA}")
    return int(version[1])
