"""The compose file is valid, and names nothing that does not exist."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.secrets import SEAWEED_KEYS
from local.servers import seaweed
from local.servers.airflow import airflow_environment
from serving.common.trusted_hosts import refusal
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings, load
from tests.unit.docker.compose import EVERYWHERE, FILE, ROOT, VARIABLE, leaves, option, raw, services, words

ONE_SHOT = {"databases", "migrate", "pipeline"}
OURS = {"databases", "migrate", "pipeline", "sandbox", "producer", "consumer", "dashboard"}
AIRFLOW = {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
OFFICIAL = {"postgres": "postgres", "kafka": "apache/kafka", "s3": "chrislusf/seaweedfs"}
SECRET = re.compile(r"PASSWORD$|SECRET|_KEY$|TOKEN|URL$|URI$|CONN(?!_ID$)")
# what only the stack without Docker needs: its folders, the ports of its servers, a file of this machine
NOT_HERE = re.compile(r"home|jars|csv_(path|zone)|postgres_port|s3_port|(kafka|weed)_.*port|kafka_ca_file")


def settings(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **env: str) -> Settings:
    """Return the settings that a service would read."""
    monkeypatch.chdir(tmp_path)
    for variable, value in services(**env)[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    return load()


def test_the_file_follows_the_compose_specification() -> None:
    schema = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run([sys.executable, *schema], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_process_of_the_house_is_there() -> None:
    assert set(services()) == OURS | AIRFLOW | set(OFFICIAL) | {"mlflow"}


def test_what_other_containers_call_by_its_name_answers_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sandbox", "dashboard", "producer", "consumer"):
        hosts = settings(name, monkeypatch, tmp_path, STOCKML_TRUSTED_HOSTS="stocks.lan").trusted_hosts
        assert refusal("GET", f"{name}:8600", None, hosts) is None
        assert refusal("GET", "stocks.lan", None, hosts) is None
        assert refusal("GET", "evil.example", None, hosts)


def test_what_a_service_waits_for_exists_and_can_say_that_it_is_ready() -> None:
    every = services()
    for name, service in every.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in every, f"{name} waits for {other}"
            ready = "healthcheck" in every[other] if how["condition"] == "service_healthy" else other in ONE_SHOT
            assert ready, f"{name} waits for {other} in vain"


def test_every_lasting_service_restarts_and_has_a_health_check() -> None:
    for name, service in services().items():
        lasting = name not in ONE_SHOT
        assert service["restart"] == ("unless-stopped" if lasting else "no"), name
        assert ("healthcheck" in service) == lasting, name


def test_a_probe_can_end_the_service_that_it_finds_standing_still() -> None:
    probed = {name: service for name, service in services().items() if "health.sh" in str(service)}
    assert sorted(probed) == ["consumer", "producer"]
    for service in probed.values():
        assert service["init"] is True  # the first process of a container cannot be killed from inside
        assert service["healthcheck"]["timeout"] == "60s"  # three tries


@pytest.mark.parametrize("name", sorted(services()))
def test_a_command_holds_no_shell_syntax(name: str) -> None:
    # Compose splits a string into words. Outside quotes it refuses ( and ), and it drops
    # everything after ; & | < or >
    command = services()[name].get("command", "")
    if isinstance(command, str):
        split = shlex.shlex(command, posix=True, punctuation_chars=True)
        split.whitespace_split = True
        assert [word for word in split if set(word) <= set("();<>|&")] == []


def test_one_service_builds_an_image_and_no_service_pulls_it() -> None:
    # Several builds of one name collide in the image store. Without a policy Compose asks Docker
    # Hub for the name.
    built = {service["image"] for service in services().values() if "build" in service}
    assert built == {"stock_ml", "stock_ml_mlflow"}
    for image in built:
        users = [service for service in services().values() if service["image"] == image]
        builders = [service for service in users if "build" in service]
        assert [service["pull_policy"] for service in builders] == ["build"]
        assert {service["pull_policy"] for service in users if "build" not in service} <= {"never"}


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def test_a_slow_start_is_no_failure_and_a_quick_one_is_seen_soon() -> None:
    every = services()
    awaited = {
        other
        for service in every.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }
    for name, check in ((name, service["healthcheck"]) for name, service in every.items() if "healthcheck" in service):
        assert seconds(check["start_period"]) >= 900, name  # Airflow needs six minutes where 50 processes want 2 cores
        assert seconds(check["start_interval"]) <= (5 if name in awaited else 20), name


def test_health_checks_leave_the_processor_to_what_starts() -> None:
    """Each check starts a process in a container: seven a second kept a busy machine of two cores from starting."""
    checks = {name: service["healthcheck"] for name, service in services().items() if "healthcheck" in service}
    assert sum(1 / seconds(check["start_interval"]) for check in checks.values()) < 2.5
    assert not [name for name, check in checks.items() if {"python", "java"} & set(check["test"])]


@pytest.mark.parametrize("name", ["producer", "consumer"])
@pytest.mark.parametrize("env", [{}, {"STOCKML_PRODUCER_PORT": "9001", "STOCKML_CONSUMER_PORT": "9002"}])
def test_a_health_check_asks_the_service_itself(name: str, env: dict[str, str]) -> None:
    port = env.get(f"STOCKML_{name.upper()}_PORT", {"producer": "8616", "consumer": "8615"}[name])
    assert services(**env)[name]["healthcheck"]["test"] == ["CMD", "sh", "docker/health.sh", port]


def test_a_health_check_of_kafka_starts_no_java() -> None:
    assert ".sh" not in " ".join(services()["kafka"]["healthcheck"]["test"])


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_gets_a_minute_to_stop_and_its_log_does_not_fill_the_disk(name: str) -> None:
    service = services()[name]
    assert seconds(service["stop_grace_period"]) >= 60
    assert service["logging"]["driver"] == "local"  # it rotates: 5 files of 20 MB


def test_no_anonymous_volume_is_left_behind() -> None:
    declared = {"/etc/kafka/secrets", "/mnt/shared/config"}  # by the image of Kafka, beside its data
    assert set(services()["kafka"]["tmpfs"]) == declared


def test_postgresql_has_shared_memory_for_parallel_queries() -> None:
    assert services()["postgres"]["shm_size"] == "256m"  # Docker gives 64 MB


def test_every_setting_of_the_file_is_a_setting_of_the_class_and_the_other_way_round() -> None:
    known = {f"STOCKML_{name.upper()}" for name in Settings.model_fields if not NOT_HERE.fullmatch(name)}
    known = known - {"STOCKML_ALPHAVANTAGE_API_KEY"} | {"ALPHAVANTAGE_API_KEY"}
    named = {k for k in raw()["x-settings"] if k.startswith(("STOCKML_", "ALPHAVANTAGE_"))}
    assert named == known
    passed = {m[1] for _, text in leaves(raw()) for m in VARIABLE.finditer(text)}
    assert {name for name in passed if not name.startswith("STACK_")} <= known


def test_airflow_is_configured_by_the_same_names_as_without_docker(tmp_path: Path) -> None:
    secrets = dict.fromkeys(("AIRFLOW_FERNET_KEY", "AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET"), "x")
    here = airflow_environment(load(_env_file=None, home=tmp_path, source="sandbox"), secrets)
    for name in AIRFLOW:
        assert {k for k in services()[name]["environment"] if k.startswith("AIRFLOW")} == {
            k for k in here if k.startswith("AIRFLOW")
        }


@pytest.mark.parametrize("name", sorted(OURS | AIRFLOW))
def test_a_service_reads_settings_that_hold_and_reaches_its_neighbours_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s = settings(name, monkeypatch, tmp_path)
    hosts = {re.split(r"[:/]", address.split("//")[-1].split("@")[-1])[0] for address in (s.kafka, s.s3, s.postgres())}
    assert hosts == {"kafka", "s3", "postgres"}
    # a browser on the host follows their links
    assert s.mlflow == f"http://{'127.0.0.1' if name in {'airflow-api-server', 'dashboard'} else 'mlflow'}:8602"
    assert s.sandbox == f"http://{'127.0.0.1' if name == 'airflow-api-server' else 'sandbox'}:8603"
    assert (s.source, s.s3_bucket) == ("sandbox", "stockml")
    assert (s.kafka_topic, s.mlflow_model, s.mlflow_experiment) == ("stockml", "stock-close", "stock_ml")


def test_a_setting_of_the_person_reaches_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {"STOCKML_SOURCE": "alpha_vantage", "STOCKML_SYMBOLS": "IBM", "STOCKML_DASHBOARD_PORT": "9000"}
    s = settings("producer", monkeypatch, tmp_path, **given)
    assert (s.source, s.symbols) == ("alpha_vantage", ("IBM",))
    dashboard = services(**given)["dashboard"]
    assert option(words(dashboard), "--bind") == f"{EVERYWHERE}:9000"
    assert dashboard["ports"] == ["127.0.0.1:9000:9000"]


def test_ports_are_published_on_loopback_only_and_lead_to_where_the_service_listens() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    listens = {"dashboard": "8600", "airflow-api-server": "8601", "mlflow": "8602", "sandbox": "8603"}
    assert published == {name: [f"127.0.0.1:{port}:{port}"] for name, port in listens.items()}
    for name, port in listens.items():
        command = words(services()[name])
        assert listening_at(command) == f"{EVERYWHERE}:{port}"
        assert re.search(rf"127\.0\.0\.1:{port}/|/127\.0\.0\.1/{port} ", str(services()[name]["healthcheck"]["test"]))


def listening_at(command: list[str]) -> str:
    if "--bind" in command:
        return option(command, "--bind")
    return f"{option(command, '--host')}:{option(command, '--port')}"


def test_neighbours_find_the_servers_where_they_listen() -> None:
    every = services()
    assert every["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "BROKER://kafka:9092"
    assert every["producer"]["environment"]["STOCKML_KAFKA_SERVERS"] == "kafka:9092"
    s3 = f"http://s3:{option(words(every['s3']), '-s3.port')}"
    asked = (
        every["producer"]["environment"]["STOCKML_S3_URL"],
        every["mlflow"]["environment"]["MLFLOW_S3_ENDPOINT_URL"],
    )
    assert asked == (s3, s3)
    assert "mlflow:*" in option(words(every["mlflow"]), "--allowed-hosts").split(",")


def test_consumers_can_be_many() -> None:
    assert not {"container_name", "ports", "hostname"} & set(services()["consumer"])


@pytest.mark.parametrize("name", ["producer", "consumer"])
def test_a_prometheus_in_the_network_reads_the_metrics(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert str(settings(name, monkeypatch, tmp_path).metrics_host) == EVERYWHERE
    assert "ports" not in services()[name]


def test_no_secret_is_written_in_the_file() -> None:
    hidden = re.compile(r"\$\{STACK_\w+:\?[^}]+\}|\$\{\w+:-\}|\$\{STOCKML_\w+:-[^}]*\}")
    for path, text in leaves(raw()):
        if SECRET.search(path[-1]) and not text.startswith("http://") and not path[-1].endswith("BASE_URL"):
            left = hidden.sub("", text)
            assert re.fullmatch(r"|postgresql(\+psycopg2)?://(\w+_owner:@)?postgres:5432(/\w+)?|\{.*\}", left), path
    every = "\n".join(text for _, text in leaves(raw()))
    assert not re.search(r"[0-9a-f]{20}|[A-Za-z0-9_-]{40}", VARIABLE.sub("", every))


def test_the_secrets_that_the_file_needs_are_those_that_the_script_makes(tmp_path: Path) -> None:
    values = secrets(tmp_path)
    needed = {m[1] for _, text in leaves(raw()) for m in VARIABLE.finditer(text) if m[1].startswith("STACK_")}
    assert set(values) == needed
    assert all(re.fullmatch(r"[0-9a-f]{20}|[0-9a-f]{64}|[A-Za-z0-9_-]{43}=", value) for value in values.values())
    assert len(set(values.values())) == len(values)


def secrets(folder: Path) -> dict[str, str]:
    """Return what the script prints where this folder's .env is."""
    argv = ["sh", ROOT / "docker" / "secrets.sh"]
    made = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in made.splitlines())


def test_the_script_prints_only_the_secrets_that_an_installation_lacks(tmp_path: Path) -> None:
    names = list(secrets(tmp_path))
    lacking = {"STACK_WEED_JWT_SIGNING_KEY", "STACK_S3_ACCESS_KEY"}
    kept = [name for name in names if name not in lacking]
    text = "".join(f"{name}=kept\n" for name in kept) + "STACK_S3_ACCESS_KEY=\n#STACK_WEED_JWT_SIGNING_KEY=no\n"
    (tmp_path / ".env").write_text(text)
    assert secrets(tmp_path).keys() == lacking


def test_the_object_store_is_closed_as_it_is_without_docker() -> None:
    store = services()["s3"]
    assert {name: option(words(store), f"-{name}") for name in seaweed.HTTP_ACCESS} == seaweed.HTTP_ACCESS
    keys = [store["environment"][name] for name in SEAWEED_KEYS]
    assert len(set(keys)) == len(keys)


def test_volumes_that_are_used_are_declared() -> None:
    used = {str(v).split(":")[0] for service in services().values() for v in service.get("volumes", [])}
    assert {v for v in used if not v.startswith(".")} == set(raw()["volumes"])
    assert all((ROOT / v).exists() for v in used if v.startswith("."))


@pytest.mark.parametrize("source", ["sandbox", "alpha_vantage"])
def test_each_source_is_a_project_with_volumes_of_its_own(source: str) -> None:
    name: Any = raw()["name"]
    assert VARIABLE.sub(lambda m: source, name) == f"stockml-{source}"


def test_only_the_service_that_makes_the_roles_knows_the_superuser() -> None:
    told = "made-up-stack_postgres_password"
    knowing = {name for name, service in services().items() if told in str(service)}
    assert knowing == {"postgres", "databases"}


def test_who_reads_and_writes_no_topic_has_no_password_of_kafka() -> None:
    told, own = "made-up-stack_kafka_password", "made-up-stack_kafka_broker_password"
    every = services()
    assert {name for name in every if told in str(every[name])} == {
        *(AIRFLOW | OURS | ONE_SHOT) - {"sandbox", "dashboard"}
    }
    assert {name for name in every if own in str(every[name])} == {"kafka", "migrate"}


def test_airflow_logs_in_to_kafka_as_the_other_services_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = client_config(settings("consumer", monkeypatch, tmp_path))
    env = services()["airflow-triggerer"]["environment"]
    for name in ("EVENTS", "SESSIONS", "ALERTS"):
        assert wanted.items() <= json.loads(env[f"AIRFLOW_CONN_STOCKML_{name}"])["extra"].items(), name


def test_the_dashboard_has_the_reader_alone_and_a_service_its_own_database() -> None:
    every = {name: service["environment"] for name, service in services().items() if "environment" in service}
    dashboard = {key for key, value in every["dashboard"].items() if "POSTGRES" in key and "PASSWORD" in key and value}
    assert dashboard == {"STOCKML_POSTGRES_READER_PASSWORD"}
    for name in ("producer", "consumer", "sandbox", "dashboard"):
        assert not every[name]["STOCKML_POSTGRES_AIRFLOW_PASSWORD"], name
        assert not every[name]["STOCKML_POSTGRES_MLFLOW_PASSWORD"], name
        assert not every[name]["STOCKML_BACKUP_KEY"], name


def test_only_who_writes_to_mlflow_knows_its_administrator() -> None:
    told = "made-up-stack_mlflow_password"
    knowing = {name for name, service in services().items() if told in str(service)}
    assert knowing == {"mlflow", "migrate", "pipeline", *AIRFLOW}
    consumer = services()["consumer"]["environment"]
    assert (consumer["STOCKML_MLFLOW_PASSWORD"], bool(consumer["STOCKML_MLFLOW_READER_PASSWORD"])) == ("", True)
    for name in ("dashboard", "sandbox"):
        assert not services()[name]["environment"]["STOCKML_MLFLOW_READER_PASSWORD"], name


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("airflow-scheduler", "scheduler"),
        ("airflow-dag-processor", "dag_processor"),
        ("airflow-triggerer", "triggerer"),
    ],
)
def test_a_heartbeat_of_airflow_is_asked_for_over_http(name: str, part: str) -> None:
    # `airflow jobs check` starts an Airflow for each check
    kind, script = services(STOCKML_AIRFLOW_PORT="9001")[name]["healthcheck"]["test"]
    asked, _, shown = script.partition(" | ")
    assert (kind, shlex.split(asked)[-1]) == ("CMD-SHELL", "http://airflow-api-server:9001/api/v2/monitor/health")
    for status in ("healthy", "unhealthy"):
        answer = f'{{"metadatabase":{{"status":"healthy"}},"{part}":{{"status":"{status}"}}}}'
        seen = subprocess.run(["sh", "-c", shown], input=answer, text=True, check=False).returncode
        assert seen == (0 if status == "healthy" else 1)
