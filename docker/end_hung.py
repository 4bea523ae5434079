"""End a service that stands still: Docker restarts only what ends. The first argument is the service's port."""

import os
import signal
import sys
import time

import requests

from stock_ml.adapters.host.listeners import pid_on

TRIES, TIMEOUT, PAUSE = 3, 5.0, 5.0  # seconds: after a laptop's sleep a loop goes round before the last try


def end_if_it_hangs(port: int) -> bool:
    """Kill a service whose loop stands still at every try, and say so; `init` in the compose file then ends too."""
    for number in range(TRIES):
        time.sleep(PAUSE if number else 0)
        if not stands_still(port):
            return False
    pid = pid_on(port)
    if pid is not None:
        print("it stands still and is ended: Docker starts it again")  # noqa: T201 - `docker inspect` shows it
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
    end_if_it_hangs(int(sys.argv[1]))
