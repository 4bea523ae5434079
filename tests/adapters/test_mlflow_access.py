"""Who may do what on a real MLflow server: nobody without a login, the reader reads, the administrator writes."""

import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import mlflow
import psutil
import pytest
import requests
from mlflow import MlflowClient
from pydantic import SecretStr

from local.secrets import ensure_secrets, with_secrets, write_private
from local.servers import mlflow as mlflow_program
from local.servers import postgres, postgres_roles
from local.servers.services import programs
from local.supervisor.program import PYTHON, Program
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import rest, tracking
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.versions import versions
from stock_ml.cli.installation import SECRETS
from stock_ml.config import Settings
from stock_ml.doctor import CHECKS, examine
from stock_ml.errors import RegistryRefused
from tests.mlflow_library import library
from tests.other_user import as_other_user
from tests.servers import running, settings_in
from tests.unit.docker import compose

MODEL = "registered-models"
API, AJAX = "api/2.0/mlflow", "ajax-api/2.0/mlflow"
# what another user may try: method, path, body
REQUESTS = [
    ("POST", f"{API}/runs/search", {"experiment_ids": ["0"]}),
    ("POST", f"{AJAX}/runs/search", {"experiment_ids": ["0"]}),
    ("GET", f"{API}/{MODEL}/alias?name=m&alias=champion", None),
    ("POST", f"{API}/{MODEL}/alias", {"name": "m", "alias": "champion", "version": "1"}),
    ("POST", f"{AJAX}/{MODEL}/alias", {"name": "m", "alias": "champion", "version": "1"}),
    ("DELETE", f"{API}/model-versions/delete", {"name": "m", "version": "1"}),
    ("POST", "graphql", {"query": "{ __typename }"}),
    ("GET", "api/2.0/mlflow-artifacts/artifacts?path=0", None),
    ("GET", "api/2.0/mlflow-artifacts/artifacts/0/scorer.json", None),
    ("PUT", "api/2.0/mlflow-artifacts/artifacts/0/scorer.json", {"kind": "theirs"}),
    ("PUT", "ajax-api/2.0/mlflow-artifacts/artifacts/0/scorer.json", {"kind": "theirs"}),
    ("DELETE", "api/2.0/mlflow-artifacts/artifacts/0/scorer.json", None),
    ("GET", "get-artifact?run_id=a&path=scorer.json", None),
    ("GET", "model-versions/get-artifact?name=m&version=1&path=scorer.json", None),
    ("POST", f"{API}/users/create", {"username": "theirs", "password": "their-password"}),
    ("PATCH", f"{API}/users/update-password", {"username": "admin", "password": "their-password"}),
    ("GET", "signup", None),
    ("GET", "", None),
]


@pytest.fixture(scope="module")
def server(mlflow_server: Settings) -> Settings:
    """The server of this run, with a model of this file's own and a bucket."""
    s = mlflow_server.model_copy(update={"mlflow_model": f"m{uuid4().hex[:8]}", "mlflow_experiment": "access"})
    Lake.connect(s).ensure_bucket()
    return s


@pytest.fixture(scope="module")
def version(server: Settings) -> str:
    """A champion whose one file is a scorer."""
    with tracking.run(server, {}) as run_id:
        mlflow.log_text("{}", "artifacts/scorer.json")
        source = mlflow.get_artifact_uri()
    registry = Registry.connect(server)
    library(registry).create_registered_model(server.mlflow_model)
    made = library(registry).create_model_version(server.mlflow_model, source, run_id)
    registry.promote(str(made.version))
    return str(made.version)


def consumer(s: Settings) -> Settings:
    """Return the settings of the consumer's process, as far as MLflow's login goes."""
    env = next(program for program in programs(s) if program.name == "consumer").env
    found = {name: env[f"STOCKML_{name.upper()}"] for name in ("mlflow_password", "mlflow_reader_password")}
    return s.model_copy(update={name: SecretStr(value) if value else None for name, value in found.items()})


def send(s: Settings, method: str, path: str, body: object, login: tuple[str, str] | None = None) -> requests.Response:
    return requests.request(method, f"{s.mlflow}/{path}", json=body, auth=login, timeout=30)


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_who_has_no_login_gets_and_changes_nothing(server: Settings, method: str, path: str, body: object) -> None:
    answer = send(server, method, path, body)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="mlflow"')


@pytest.mark.parametrize("user", ["admin", "reader", "nobody"])
def test_a_wrong_password_is_no_login(server: Settings, user: str) -> None:
    assert send(server, *REQUESTS[0], (user, "not-the-password")).status_code == 401


def test_a_probe_needs_no_login(server: Settings) -> None:
    assert send(server, "GET", "health", None).text == "OK"


@pytest.mark.parametrize(("part", "code"), [("mlflow_port", 0), ("s3_port", 1)])
def test_the_health_check_of_the_container_knows_a_server_that_answers(server: Settings, part: str, code: int) -> None:
    port = str(getattr(server, part))  # the object store answers as well, and is no MLflow
    check = compose.services(STOCKML_MLFLOW_PORT=port)["mlflow"]["healthcheck"]["test"]
    assert subprocess.run(check[1:], capture_output=True, check=False).returncode == code


def test_another_user_of_the_machine_moves_no_alias(server: Settings, version: str) -> None:
    body = f'{{"name": "{server.mlflow_model}", "alias": "champion", "version": "{version}"}}'
    words = ("-s", "-H", "Content-Type: application/json", "-d", body, f"{server.mlflow}/{API}/{MODEL}/alias")
    assert "not authenticated" in as_other_user("curl", *words).stdout


def test_the_consumer_is_told_that_there_is_no_champion_before_the_first_training(server: Settings) -> None:
    s = consumer(server).model_copy(update={"mlflow_model": "not-trained-yet"})
    assert Registry.connect(s).champion() is None
    assert rest.champion(s) is None
    wrong = s.model_copy(update={"mlflow_reader_password": SecretStr("wrong")})
    with pytest.raises(RegistryRefused, match="rejects the login"):
        Registry.connect(wrong).champion()


def test_the_consumer_reads_the_champion_and_its_file_and_changes_nothing(server: Settings, version: str) -> None:
    s = consumer(server)
    assert (s.mlflow_password, s.mlflow_login) == (None, ("reader", server.mlflow_reader_password.get_secret_value()))
    registry = Registry.connect(s)
    assert registry.champion().version == version
    file = {"name": s.mlflow_model, "version": version, "path": "artifacts/scorer.json"}
    assert registry.api.download("model-versions/get-artifact", file) == b"{}"
    assert [found.number for found in versions(registry)] == [version]
    for change in (registry.promote, registry.challenge, registry.withdraw):
        with pytest.raises(RegistryRefused, match="does not let this user"):
            change(version)
    experiment = registry.api.get("experiments/get-by-name", {"experiment_name": "access"}).experiment
    for method, path in (
        ("PUT", f"artifacts/{experiment.experiment_id}/x"),
        ("DELETE", f"artifacts/{experiment.experiment_id}/x"),
    ):
        refused = send(s, method, f"api/2.0/mlflow-artifacts/{path}", {}, s.mlflow_login)
        assert refused.status_code == 403
    with pytest.raises(RegistryRefused, match="does not let this user"):
        registry.api.post("users/create", {"username": "theirs", "password": "their-password"})
    assert Registry.connect(server).champion().version == version


@pytest.mark.parametrize("password", [None, SecretStr("not-the-password")])
def test_a_wrong_or_missing_login_is_told_by_its_settings(server: Settings, password: SecretStr | None) -> None:
    s = server.model_copy(update={"mlflow_password": password, "mlflow_reader_password": None})
    told = "rejects the login.*STOCKML_MLFLOW_USERNAME and STOCKML_MLFLOW_PASSWORD"
    with pytest.raises(RegistryRefused, match=told):
        rest.champion(s)
    with pytest.raises(RegistryRefused, match=told), tracking.run(s, {}):
        pass
    found = next(finding for finding in examine(s, {"MLflow": CHECKS["MLflow"]}))
    assert (found.state, "STOCKML_MLFLOW_PASSWORD" in found.message) == ("bad", True)


def test_an_upload_that_is_refused_is_told_by_its_settings(server: Settings) -> None:
    reader = server.model_copy(update={"mlflow_password": None})
    refused = pytest.raises(RegistryRefused, match="STOCKML_MLFLOW_PASSWORD")
    with tracking.run(server, {}), tracking.login(reader), refused, tracking.translate_errors(server.mlflow):
        mlflow.log_text("x", "x.txt")


def test_no_password_is_among_arguments_or_in_the_log(server: Settings, version: str) -> None:
    log = (server.state / "logs" / "mlflow.log").read_text()
    hidden = [value for name, value in ensure_secrets(server).items() if "MLFLOW" in name]
    assert len(hidden) == 4
    listening = [p for p in psutil.process_iter(["cmdline"]) if str(server.mlflow_port) in (p.info["cmdline"] or [])]
    assert listening
    shown = [log, *(" ".join(process.info["cmdline"]) for process in listening)]
    assert not [value for value in hidden for text in shown if value in text]


def test_an_installation_without_a_login_keeps_its_models_and_one_with_other_secrets_gets_in(tmp_path: Path) -> None:
    s = settings_in(tmp_path, source="sandbox")
    with ExitStack() as stack:
        stack.enter_context(running(postgres.program(s), s))
        postgres_roles.ensure_roles(s)
        with running(before_logins(s), s):
            client = MlflowClient(s.mlflow, s.mlflow)
            run_id = client.create_run("0", tags={"kept": "yes"}).info.run_id
            client.create_registered_model(s.mlflow_model)
            client.create_model_version(s.mlflow_model, "s3://nowhere/1", run_id)
            client.set_registered_model_alias(s.mlflow_model, "champion", "1")
        with running(mlflow_program.program(s, ensure_secrets(s)), s):
            assert champion_of(s) == ("1", {"kept": "yes"})
        changed = with_other_passwords(s)
        with running(mlflow_program.program(changed, ensure_secrets(changed)), changed):
            assert champion_of(changed) == champion_of(consumer(changed)) == ("1", {"kept": "yes"})
            with pytest.raises(RegistryRefused):
                rest.champion(s)


def champion_of(s: Settings) -> tuple[str, dict[str, str]]:
    """Return the champion's number, and the tag of its run that the test made."""
    found = rest.champion(s)
    run = rest.Api.connect(s).get("runs/get", {"run_id": found.run_id}).run
    return found.version, {name: value for name, value in rest.tags(run.data).items() if name == "kept"}


def before_logins(s: Settings) -> Program:
    """Return the program of an installation that asked for no login."""
    program = mlflow_program.program(s, ensure_secrets(s))
    options = list(program.argv[program.argv.index(str(mlflow_program.SERVER)) + 1 :])
    at = options.index("--app-name")
    return replace(program, argv=(PYTHON, "-m", "mlflow", "server", *options[:at], *options[at + 2 :]))


def with_other_passwords(s: Settings) -> Settings:
    """Make this installation's passwords of MLflow anew."""
    kept = {name: value for name, value in ensure_secrets(s).items() if not name.startswith("STOCKML_MLFLOW")}
    write_private(s.state / SECRETS, "".join(f"{name}={value}\n" for name, value in kept.items()))
    forgotten = s.model_copy(update={"mlflow_password": None, "mlflow_reader_password": None})
    return with_secrets(forgotten, ensure_secrets(s))
