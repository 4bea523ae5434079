"""The parts of an installation, and the check of each."""

import shutil
import time
from pathlib import Path

from stock_ml.adapters.broker import Topics, list_topics
from stock_ml.adapters.host import java_version, listeners
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.service_states import WATCHDOG, ServiceStates
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.disk import used_bytes
from stock_ml.doctor.check import Check, CheckResult
from stock_ml.doctor.ingest_plan import ingest_plan
from stock_ml.doctor.market import calendar, clock, feed, key, source
from stock_ml.domain.bars import utc
from stock_ml.errors import HostError

STARTS = "`make up` starts it, `make status` and `make logs` show how it is"
ROOMY, TIGHT = 5 << 30, 1 << 30  # bytes
LISTED = 5  # folders that are named with their size
LATE, DAY = 60.0, 86_400.0  # seconds
SEE_LOG = "see `make logs NAME=watchdog`, and the log of what hung"
APART = 2.0  # seconds by which the machine's clock and the database's may differ


def java(_: Settings) -> CheckResult:
    """See that Java is new enough for Kafka and Spark."""
    return CheckResult(f"version {java_version()}")


def disk(s: Settings) -> CheckResult:
    """See how much room is left where data are kept, and what takes it."""
    place = next(folder for folder in (s.state, *s.state.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    message = f"{free / (1 << 30):.0f} GiB free at {place}{_largest(s.state)}"
    if free < TIGHT:
        raise HostError(message)
    advice = "bars, models and logs grow: make room, or set STOCKML_HOME to a larger disk"
    return CheckResult(message, advice, "note") if free < ROOMY else CheckResult(message)


def _largest(state: Path) -> str:
    """Return the sizes of the folders of an installation that take most, each in MiB."""
    sizes = {path.name: used_bytes(path) >> 20 for path in state.glob("*") if path.is_dir()}
    most = sorted(sizes.items(), key=lambda each: -each[1])[:LISTED]
    return "".join(f"; {name} {mebibytes:,} MiB" for name, mebibytes in most if mebibytes)


def ports(s: Settings) -> CheckResult:
    """See who listens where this installation's servers do; who is seen and is none of them is bad."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    taken = {name: getattr(s, name) for name in names if not listeners.port_is_free(getattr(s, name))}
    if not taken:
        return CheckResult("all free: nothing runs here", "`make up` starts everything", "note")
    if strangers := [
        f"{name}={port}: {listeners.holder(port)}" for name, port in taken.items() if _is_foreign(s, port)
    ]:
        raise HostError(f"held by what is not of this installation: {', '.join(strangers)}")
    holders = sorted({listeners.holder(port).split()[0].strip(":") for port in taken.values()})
    return CheckResult(f"{len(taken)} of {len(names)} in use, by {', '.join(holders)}")


def _is_foreign(s: Settings, port: int) -> bool:
    pid, supervisor = listeners.pid_on(port), _supervisor(s)
    return pid is not None and not (supervisor and listeners.is_under(pid, supervisor))


def _supervisor(s: Settings) -> int | None:
    try:
        return int((s.state / "supervisord.pid").read_text())
    except (OSError, ValueError):
        return None


def postgres(s: Settings) -> CheckResult:
    """See that the tables answer, and whose they are."""
    store = ForecastStore.connect(s)
    try:
        apart = abs(store.now() - time.time())
        newest = store.read_state("consumer")
    finally:
        store.close()
    if apart > APART:
        return CheckResult(f"answers; its clock is {apart:.0f} s from this machine's", "set both by NTP", "note")
    return CheckResult("answers" + (f"; the consumer spoke {newest.age:.0f} s ago" if newest else ""))


def s3(s: Settings) -> CheckResult:
    """See that the bucket answers, and how many months are clean."""
    lake = Lake.connect(s)
    months = {symbol: len(lake.clean_months(symbol)) for symbol in s.symbols}
    message = f"bucket {s.s3_bucket}: {sum(months.values())} clean months of {len(months)} symbols"
    lacking = [symbol for symbol, count in months.items() if not count]
    advice = f"trigger ingest_bars: nothing is clean of {', '.join(lacking)}" if lacking else ""
    return CheckResult(message, advice, "note" if lacking else "ok")


def kafka(s: Settings) -> CheckResult:
    """See that the topics are there."""
    there, wanted = list_topics(s), set(Topics.of(s))
    lacking = sorted(wanted - there.keys())
    if lacking:
        return CheckResult(f"answers, and lacks the topics {', '.join(lacking)}", "`make up` makes them", "note")
    return CheckResult(f"topic {s.kafka_topic} has {there[s.kafka_topic]} partitions")


def mlflow(s: Settings) -> CheckResult:
    """See which version is champion."""
    found = rest.champion(s)
    if not found:
        return CheckResult("answers; no champion yet", "trigger ingest_bars: train_model follows", "note")
    until = rest.tags(found).get("trained_until")
    trained = f", trained until {utc(float(until)):%Y-%m-%d %H:%M} UTC" if until else ""
    return CheckResult(f"{s.mlflow_model} version {found.version} is champion{trained}")


def watchdog(s: Settings) -> CheckResult:
    """See what the watchdog restarted in the last day, and what is silent now."""
    report = ServiceStates.connect(s, "stockml doctor").read(WATCHDOG)
    if report is None:
        return CheckResult("none has run here")
    if report.age > LATE:
        return CheckResult(f"it has said nothing for {report.age:.0f} s", STARTS, "note")
    restarts = [each for each in report.state["restarts"] if each["at"] > time.time() - DAY]
    hung = [f"{utc(each['at']):%H:%M} UTC {each['program']} ({each['reason']})" for each in restarts]
    silent = [f"{name}: {reason}" for name, reason in report.state["silent"].items()]
    if not hung and not silent:
        return CheckResult("looks; nothing hung in the last day")
    return CheckResult("; ".join([*silent, *(f"restarted at {each}" for each in hung)]), SEE_LOG, "note")


CHECKS: dict[str, tuple[Check, str]] = {
    "key": (key, "set it in .env, or take SOURCE=sandbox, which needs none"),
    "source": (source, "see the message; SOURCE=sandbox needs no network"),
    "ingest": (ingest_plan, STARTS),
    "feed": (feed, STARTS),
    "clock": (clock, STARTS),
    "calendar": (calendar, "see STOCKML_EXCHANGE, STOCKML_EXCHANGES and STOCKML_CLOSURES"),
    "Java": (java, "install it, or set JAVA_HOME"),
    "disk": (disk, "make room, or set STOCKML_HOME to a larger disk"),
    "ports": (ports, "see who holds them; STOCKML_…_PORT changes each"),
    "PostgreSQL": (postgres, STARTS),
    "S3": (s3, STARTS),
    "Kafka": (kafka, STARTS),
    "MLflow": (mlflow, STARTS),
    "watchdog": (watchdog, STARTS),
}
