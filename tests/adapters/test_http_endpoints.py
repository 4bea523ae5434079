"""The consumer as a process of its own tells how it is over HTTP, and ends in time when it is asked to."""

import os
import signal
import subprocess
from time import monotonic
from typing import Any

import psycopg
import requests

from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.broker import encode_bar
from stock_ml.config import Settings
from tests.adapters.test_consumer import bars_of, publish, rows, wait
from tests.adapters.test_consumer import s as s


def asked(s: Settings, page: str) -> tuple[int, str]:
    try:
        answer = requests.get(f"http://127.0.0.1:{s.consumer_port}/{page}", timeout=30)
    except requests.ConnectionError:
        return 0, ""
    return answer.status_code, answer.text


def metric(s: Settings, name: str) -> float:
    lines = asked(s, "metrics")[1].splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), -1.0)


def consumer(s: Settings) -> subprocess.Popen[bytes]:
    argv = [PYTHON, "-m", "tests.adapters.consumer_alone"]
    env: dict[str, Any] = os.environ | environment(s) | {"STOCKML_CSV_PATH": "no-such.csv"}
    return subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_it_counts_names_what_is_away_and_ends_within_five_seconds(s: Settings) -> None:
    with consumer(s) as process:
        try:
            publish(s, *map(encode_bar, bars_of(s, 30)), b"no bar")
            wait(lambda: metric(s, "stockml_forecasts_total") == 15)
            assert [metric(s, f"stockml_{name}_total") for name in ("bars", "rejected", "messages")] == [30, 1, 31]
            assert (metric(s, "stockml_lag_messages"), metric(s, "stockml_lag_seconds")) == (0, 0)
            assert (asked(s, "healthz")[0], asked(s, "readyz")[0], asked(s, "nothing")[0]) == (200, 200, 404)
            with psycopg.connect(s.postgres(), autocommit=True) as other:
                other.execute("alter table service_state rename to hidden")
                wait(lambda: asked(s, "readyz")[0] == 503 and '"postgresql"' in asked(s, "readyz")[1])
                other.execute("alter table hidden rename to service_state")
                wait(lambda: asked(s, "readyz")[0] == 200)
            publish(s, *map(encode_bar, bars_of(s, 40)[30:]))
            began = monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert monotonic() - began < 5
            assert len(rows(s, "bars")) in (30, 40)  # the batch in hand is whole or not begun
        finally:
            process.kill()
