"""Say by the exit code whether a service is well, and end one that stands still: Docker restarts only what ends."""

import os
import signal
import sys
import time

import requests

from local import probes
from stock_ml.adapters.host.listeners import pid_on
from stock_ml.config import Settings, load

LONGEST_SILENCE = 30.0  # seconds: a service writes its state every second
TRIES, TIMEOUT, PAUSE = 3, 5.0, 5.0  # seconds: after a laptop's sleep a loop goes round before the last try


def end_if_it_hangs(s: Settings, service: str) -> bool:
    """Kill a service whose loop stands still at every try, and say so; `init` in the compose file then ends too."""
    port = getattr(s, f"{service}_port")
    for number in range(TRIES):
        time.sleep(PAUSE if number else 0)
        if not stands_still(port):
            return False
    pid = pid_on(port)
    if pid is not None:
        print(f"{service} stands still: it is ended, and Docker starts it again")  # noqa: T201 - `docker inspect` shows it
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def stands_still(port: int) -> bool:
    """Say whether `/healthz` is silent, or says that the loop does; where nobody listens, nothing is known."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT).status_code == 503
    except requests.Timeout:
        return True
    except requests.RequestException:
        return False


if __name__ == "__main__":
    settings, name = load(), sys.argv[1]
    sys.exit(end_if_it_hangs(settings, name) or not probes.heartbeat(settings, name, LONGEST_SILENCE)())
