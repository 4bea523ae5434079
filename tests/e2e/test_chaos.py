"""A short chaos: each server killed once while bars flow, all stopped and started half-way, and nothing is lost."""

import json
import os
import subprocess

from local.supervisor.program import PYTHON, ROOT

OTHERS = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "MLFLOW_REGISTRY_URI": "http://127.0.0.1:1"}  # nobody's business
EACH_ONCE = "seed=91"  # with which chance kills every one of the seven


def test_whatever_is_killed_no_bar_is_lost_and_no_forecast_missing_repeated_or_changed() -> None:
    argv = [PYTHON, "-m", "benchmarks", "chaos", "symbols=20", "minutes=100", "speed=180", "kills=7", EACH_ONCE]
    env = os.environ | OTHERS
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    wrong = {
        name: figures[name] for name in ("lost", "missing", "duplicated", "changed", "from_the_future", "checker_wrong")
    }
    assert (figures["kills"], wrong) == (7, dict.fromkeys(wrong, 0)), done.stdout
