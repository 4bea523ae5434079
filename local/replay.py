"""Replay stored bars by hand into the installation that is up, and forget the replay of a file."""

import os
import subprocess
from datetime import UTC, datetime

from rich.console import Console

from local.secrets import ensure_secrets, with_secrets
from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from local.supervisor.supervisor import Supervisor
from serving.producer.replay_schedule import HOLDOUT, span_between
from stock_ml.adapters.broker import empty_topics
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.calendar import sessions
from stock_ml.errors import HostError


def replay(s: Settings, first: str, last: str, speed: str) -> None:
    """Publish the stored sessions from one date to another that the topic lacks, or from `first` "holdout" on.

    Raises BadSetting before anything is sent where the dates mean no session; HostError where the installation is not
    up, or the producer refuses.
    """
    if first != HOLDOUT:
        span_between(first, last or str(datetime.now(UTC).date()), sessions(s.exchange))
    if not Supervisor(s).is_up():
        raise HostError(f"the {s.source} installation is not up: `make up` starts it")
    argv = [PYTHON, "-m", "serving.producer.main", "--replay", first, *([last] if last else []), "--speed", speed]
    done = subprocess.run(argv, env=os.environ | producer_environment(s), cwd=ROOT, check=False)
    if done.returncode:
        raise HostError("the replay ended early: the reason stands above")


def producer_environment(s: Settings) -> dict[str, str]:
    """Return what a supervised producer gets as its environment, the installation's secrets included."""
    return environment(with_secrets(s, ensure_secrets(s)))


def forget_replay(s: Settings, console: Console) -> None:
    """Empty the topics, and delete the symbols' streamed bars and forecasts; S3 and MLflow keep what they have.

    Producer and consumer must not run. Raises BrokerUnavailable or StoreUnavailable; call it again then.
    """
    store = ForecastStore.connect(s)
    try:
        empty_topics(s)
        if any(store.forget(s.symbols)):
            console.print("another file, or other settings of the model: the replay begins anew")
    finally:
        store.close()
