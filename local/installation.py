"""One installation: its settings and secrets, its programs, and the steps that bring it up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from rich.console import Console

from local import first_training, highcharts, jars
from local.code_version import version_of
from local.first_forecast import await_forecast
from local.replay import forget_replay
from local.secrets import ensure_secrets, with_secrets
from local.servers import airflow, kafka, kafka_user, mlflow, postgres, postgres_roles, seaweed, services
from local.source_start import gives_bars, was_started
from local.startup_steps import Step
from local.supervisor.program import ROOT, Program
from local.supervisor.start import start
from local.supervisor.supervisor import Supervisor
from local.watchdog import program as watchdog
from stock_ml.adapters.broker.topics import ensure_topics
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.config import Settings
from stock_ml.source_plugins import version_of_package

REPLAYING = ("producer", "consumer")
LAST_TO_STOP = (postgres.NAME, kafka.NAME)  # so that the others can put away what they hold
CODE = ("stock_ml", "serving", "sandbox", "plugins")


@dataclass(frozen=True)
class Installation:
    """Hold the settings with their secrets, every program that runs here, and the symbols of the start before."""

    settings: Settings
    secrets: dict[str, str]
    programs: list[Program]
    known: tuple[str, ...] = ()


def describe(settings: Settings) -> Installation:
    """Return the installation of these settings; its secrets are made where they are missing."""
    secrets = ensure_secrets(settings)
    s = with_secrets(settings, secrets)
    return Installation(s, secrets, list(_versioned(_programs(s, secrets), version_of_package(s.source))))


def steps(installation: Installation, supervisor: Supervisor, console: Console) -> list[Step]:
    """Return everything that `make up` does once the supervisor runs, in no order: each says what it needs."""
    s = installation.settings
    tables = "postgres" if s.postgres_url is None else ""
    return [
        *([Step(kafka.JARS, partial(jars.fetch, "kafka", s.jars))] if s.kafka_servers is None else []),
        Step("spark-jars", partial(jars.fetch, "s3a", s.jars)),
        Step("highcharts", highcharts.fetch),
        *(Step(p.name, partial(start, p, supervisor, s.state), _after(p, s)) for p in installation.programs),
        *([Step("databases", partial(postgres_roles.ensure_roles, s), (tables,))] if tables else []),
        Step("tables", partial(migrate, s), ("databases",)),
        *([_kafka_user(installation)] if s.kafka_servers is None else []),
        Step("topics", partial(ensure_topics, s), ("kafka-user",)),
        Step("airflow-tables", partial(airflow.migrate, s, installation.secrets), ("databases",)),
        Step("champion", partial(_ensure_champion, installation, supervisor, console), _before_champion(s)),
        Step(
            "forecast",
            partial(_await_forecast, installation, console),
            ("champion", "producer", "consumer", "dashboard"),
        ),
    ]


def _kafka_user(installation: Installation) -> Step:
    password = installation.secrets[kafka_user.BROKER_PASSWORD]
    return Step("kafka-user", partial(kafka_user.ensure_user, installation.settings, password), ("kafka",))


def _after(p: Program, s: Settings) -> tuple[str, ...]:
    if not s.replayed:
        return p.after
    # a file is replayed once, with the champion that is trained on the rest of it; Airflow trains it, so it is first
    return (*p.after, "champion") if p.name in REPLAYING else tuple(name for name in p.after if name not in REPLAYING)


def _before_champion(s: Settings) -> tuple[str, ...]:
    return ("mlflow", "s3", "sandbox", "spark-jars", *(("tables", "topics") if s.replayed else ()))


def _ensure_champion(installation: Installation, supervisor: Supervisor, console: Console) -> None:
    s = installation.settings
    if first_training.has_champion(s):
        return
    if s.replayed:
        supervisor.stop_programs(*REPLAYING)  # the consumer holds in memory what is forgotten now
        forget_replay(s, console)
    if lacking := first_training.make_champion(s, installation.secrets):
        console.print(f"{lacking}; the other symbols were trained on")


def _await_forecast(installation: Installation, console: Console) -> None:
    s = installation.settings
    if s.live and was_started(s) and not gives_bars(s, installation.known, console):
        return  # there is no forecast to wait for
    await_forecast(s, console)


def _programs(s: Settings, secrets: dict[str, str]) -> Iterator[Program]:
    if s.postgres_url is None:
        yield postgres.program(s)
    if s.s3_url is None:
        yield seaweed.program(s, secrets)
    if s.kafka_servers is None:
        yield kafka.program(s, secrets)
    if s.mlflow_url is None:
        yield mlflow.program(s, secrets)
    yield from services.programs(s)
    yield from airflow.programs(s, secrets)
    yield watchdog.program(s)


def _versioned(programs: Iterable[Program], plugin: str) -> Iterator[Program]:
    # a program whose definition changed is restarted: so new code and new packages are part of the definition
    ours, theirs = (
        version_of(ROOT, places) + plugin for places in (("requirements.txt", *CODE), ("requirements.txt",))
    )
    for p in programs:
        yield replace(p, env={**p.env, "STOCKML_VERSION": ours if "PYTHONPATH" in p.env else theirs})
