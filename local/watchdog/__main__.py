"""Run `python -m local.watchdog`: the watchdog of the installation that the environment's settings describe."""

import logging
import sys

from local.supervisor.supervisor import Supervisor
from local.watchdog.probes import Probes
from local.watchdog.program import LOCK
from local.watchdog.report import Reporter
from local.watchdog.rule import Judge
from local.watchdog.targets import probes_of, targets
from local.watchdog.watch import Watchdog, run
from stock_ml.config import load

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    s = load()
    run(Watchdog(Judge(targets(s)), Probes(probes_of(s)), Supervisor(s), Reporter(s)), s.state / LOCK)
