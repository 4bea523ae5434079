"""The watchdog as a program of its own, outside Airflow, which may be what hangs."""

from local.code_version import version_of
from local.servers.services import OF_AIRFLOW, OF_MLFLOW, OF_SUPERUSER, settings_environment, without
from local.supervisor.program import PYTHON, ROOT, Program
from stock_ml.config import Settings

NAME = "watchdog"
OF_OTHERS = ("postgres_reader_password", "alphavantage_api_key", "alpaca_key", "alpaca_secret")
LOCK = "up.lock"  # in the state folder: `make up` holds it while it works


def program(s: Settings) -> Program:
    """Describe the watchdog; it needs no other program, for it says of each whether it answers."""
    env = settings_environment(without(s, *OF_AIRFLOW, *OF_SUPERUSER, *OF_MLFLOW, *OF_OTHERS))
    env["STOCKML_WATCHDOG_CODE"] = version_of(ROOT, ("local",))  # a change restarts it
    return Program(NAME, (PYTHON, "-m", "local.watchdog"), lambda: True, env=env)
