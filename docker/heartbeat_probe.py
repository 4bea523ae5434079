"""Say by the exit code whether a service without a port is well: it writes its state every second."""

import sys

from local import probes
from stock_ml.config import load

LONGEST_SILENCE = 30.0

if __name__ == "__main__":
    sys.exit(not probes.heartbeat(load(), sys.argv[1], LONGEST_SILENCE)())
