"""`docker compose up` runs each server with the options of `make up`.

Only places differ: addresses, folders, ports.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from gunicorn.config import Config

from local.secrets import ensure_secrets, with_secrets
from local.servers import airflow, kafka, mlflow, postgres, seaweed, services
from local.supervisor.program import Program
from sandbox import __main__ as sandbox
from stock_ml.config import Settings, load
from tests.unit.docker import compose
from tests.unit.docker.compose import ROOT, words

POSTGRES_PLACES = re.compile(r"(listen_addresses|port|unix_socket_directories)=.*")
KAFKA_PLACES = re.compile(r"controller\.quorum\.voters|(advertised\.)?listeners|log\.dirs")
SEAWEED_PLACES = re.compile(r"-(dir|ip|ip\.bind|s3\.config|(master|volume|filer|s3)\.port(\.grpc)?)(=.*)?")
SERVER_PLACES = ("--host", "--port", "--allowed-hosts")
AIRFLOW_PLACES = re.compile(
    r"AIRFLOW_(HOME|CONN_\w+|_CORE__(DAGS|PLUGINS)_FOLDER|_CORE__EXECUTION_API_SERVER_URL"
    r"|_CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE|_DATABASE__SQL_ALCHEMY_CONN|_LOGGING__BASE_LOG_FOLDER)"
)
SECRET = re.compile(r"\w+_(KEY|SECRET)")


@pytest.fixture
def s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a first `make up`, with the names that Compose gives; java is an empty file."""
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    names = {"kafka_topic": "stockml", "s3_bucket": "stockml", "mlflow_experiment": "stock_ml"}
    return load(_env_file=None, home=tmp_path, source="sandbox", mlflow_model="stock-close", **names)


def environment(name: str) -> dict[str, str]:
    """Return the variables of a service."""
    found: dict[str, str] = compose.services()[name]["environment"]
    return found


def command(name: str) -> list[str]:
    """Return the words of a service's command."""
    return words(compose.services()[name])


def named(programs: Sequence[Program], name: str) -> Program:
    """Return the program with a name."""
    return next(program for program in programs if program.name == name)


def after(argv: Sequence[str], word: str) -> list[str]:
    """Return what follows a word."""
    return list(argv)[list(argv).index(word) + 1 :]


def without(argv: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the words without options given as `--name value`."""
    return [word for before, word in pairwise(["", *argv]) if not {before, word} & set(options)]


def test_every_program_is_a_service(s: Settings) -> None:
    secrets = ensure_secrets(s)
    servers = [kafka.program(s, secrets), seaweed.program(s, secrets), mlflow.program(s, secrets)]
    programs = [postgres.program(s), *servers, *services.programs(s), *airflow.programs(s, secrets)]
    assert {program.name for program in programs} == set(compose.services()) - {"databases", "migrate", "pipeline"}


def test_postgresql(s: Settings) -> None:
    here, there = (
        {option for flag, option in pairwise(argv) if flag == "-c" and not POSTGRES_PLACES.fullmatch(option)}
        for argv in (postgres.program(s).argv, command("postgres"))
    )
    assert there == here
    assert environment("postgres")["POSTGRES_INITDB_ARGS"].split() == list(postgres.LOCALE)


def test_kafka(s: Settings) -> None:
    env = environment("kafka")
    every = kafka.properties(s, "made-up-stack_kafka_broker_password")
    properties = {name: str(v) for name, v in every.items() if not KAFKA_PLACES.fullmatch(name)}
    here = {f"KAFKA_{name.upper().replace('-', '___').replace('.', '_')}": v for name, v in properties.items()}
    assert here.items() <= env.items()
    root = yaml.safe_load(kafka.LOGGING.read_text())["Configuration"]["Loggers"]["Root"]
    assert env["KAFKA_LOG4J_ROOT_LOGLEVEL"] == root["level"]
    argv = kafka.program(s, ensure_secrets(s)).argv
    assert command("kafka")[3] == argv[3] == kafka.SPACE
    assert "-loggc" not in env["EXTRA_ARGS"]  # its files may take 1 GB
    flags = {word for word in argv if word.startswith("-X")}
    assert {word for name in env if name.endswith("_OPTS") for word in env[name].split()} == flags


def test_seaweedfs(s: Settings) -> None:
    program = seaweed.program(s, ensure_secrets(s))
    here, there = (
        {word for word in argv if not SEAWEED_PLACES.fullmatch(word)} for argv in (program.argv[1:], command("s3"))
    )
    assert there == here
    # in containers the gRPC ports are in the project's own network, and need no certificate
    assert {name for name in environment("s3") if name.startswith("WEED_")} == {
        name for name in program.env if name.startswith("WEED_") and not name.startswith("WEED_GRPC_")
    }


def test_mlflow(s: Settings) -> None:
    secrets = ensure_secrets(s)
    program = mlflow.program(with_secrets(s, secrets), secrets)
    here, there = (
        without(argv, SERVER_PLACES) for argv in (after(program.argv, str(mlflow.SERVER)), command("mlflow")[2:])
    )
    assert there == here
    assert set(environment("mlflow")) <= set(program.env)
    files = {mlflow.SERVER: command("mlflow")[1], mlflow.CONFIG: environment("mlflow")["MLFLOW_AUTH_CONFIG_PATH"]}
    mounts = {f"./{file.relative_to(ROOT)}:{place}:ro" for file, place in files.items()}
    assert set(compose.services()["mlflow"]["volumes"]) == mounts
    switches = {name: value for name, value in program.env.items() if value in {"true", "false"}}
    assert switches.items() <= environment("mlflow").items()


def gunicorn(argv: Sequence[str]) -> dict[str, object]:
    """Return gunicorn's options and its application, without the address."""
    options = vars(Config().parser().parse_args(list(argv)))
    return {name: value for name, value in options.items() if name != "bind" and value is not None}


def test_the_dashboard_and_the_sandbox(s: Settings) -> None:
    dashboard = after(named(services.programs(s), "dashboard").argv, "gunicorn")
    assert gunicorn(command("dashboard")[1:]) == gunicorn(dashboard)
    assert gunicorn(command("sandbox")[1:]) == gunicorn([*sandbox.OPTIONS, sandbox.APP])


@pytest.mark.parametrize("name", ["producer", "consumer"])
def test_producer_and_consumer(s: Settings, name: str) -> None:
    assert command(name)[1:] == list(named(services.programs(s), name).argv[1:])


def test_the_switches_of_every_python_service(s: Settings) -> None:
    of_others = re.compile(r"STOCKML_.*|ALPHAVANTAGE_.*|PYTHONPATH")
    switches = {name: v for name, v in services.settings_environment(s).items() if not of_others.fullmatch(name)}
    lines = re.findall(r"^ENV (.+)$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    image = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    for name, service in compose.services().items():
        if service["image"] == "stock_ml":
            assert switches.items() <= (image | environment(name)).items(), name


def configuration(env: Mapping[str, str]) -> dict[str, str]:
    """Return Airflow's configuration without places and secrets."""
    names = {name for name in env if name.startswith("AIRFLOW")}
    return {name: env[name] for name in names if not AIRFLOW_PLACES.fullmatch(name) and not SECRET.fullmatch(name)}


def test_airflow(s: Settings) -> None:
    for program in airflow.programs(s, ensure_secrets(s)):
        here, there = (without(after(argv, "airflow"), ["--host"]) for argv in (program.argv, command(program.name)))
        assert there == here
        assert configuration(environment(program.name)) == configuration(program.env), program.name
