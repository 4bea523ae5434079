"""What this machine offers: Java, free ports, disk."""

import os
import re
import shutil
import socket
import subprocess

import psutil

from stock_ml.errors import HostError

OLDEST_JAVA = 17
INSTALL_JAVA = "Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17"


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


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on 127.0.0.1:port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return who listens on a port, as "name (pid N)", or "another program" where that cannot be seen."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pids = [c.pid for c in listening if c.laddr and c.laddr[1] == port and c.pid]
        return f"{psutil.Process(pids[0]).name()} (pid {pids[0]})" if pids else "another program"
    except psutil.Error:
        return "another program"
