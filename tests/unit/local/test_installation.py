"""What `make up` does after what."""

from pathlib import Path

import pytest
from rich.console import Console

from local.installation import describe, steps
from local.supervisor.supervisor import Supervisor
from stock_ml.config import Settings, load


def needs(s: Settings) -> dict[str, tuple[str, ...]]:
    return {step.name: step.after for step in steps(describe(s), Supervisor(s), Console())}


def test_a_file_is_replayed_only_after_its_champion_is_there(tmp_path: Path) -> None:
    after = needs(load(home=tmp_path, source="csv", csv_path="GOOGL.csv"))
    assert "champion" in after["producer"]
    assert "champion" in after["consumer"]  # what it remembers of another file's bars is gone
    assert {"tables", "topics"} <= set(after["champion"])


@pytest.mark.parametrize("source", ["csv", "sandbox"])
def test_airflow_which_trains_the_champion_waits_for_nothing_that_waits_for_it(tmp_path: Path, source: str) -> None:
    after = needs(load(home=tmp_path, source=source, csv_path="GOOGL.csv"))
    airflow = [name for name in after if name.startswith("airflow-")]
    assert len(airflow) == 5
    assert not [name for name in airflow if "champion" in all_before(name, after)]


def all_before(name: str, after: dict[str, tuple[str, ...]]) -> set[str]:
    """Return every step that a step waits for, over any number of others."""
    return set().union(*({need} | all_before(need, after) for need in after.get(name, ())))


def test_live_bars_are_taken_before_there_is_a_champion(tmp_path: Path) -> None:
    after = needs(load(home=tmp_path, source="sandbox"))
    assert "champion" not in after["producer"] + after["consumer"]


def test_every_step_needs_steps_that_there_are(tmp_path: Path) -> None:
    after = needs(load(home=tmp_path, source="sandbox"))
    assert {name for names in after.values() for name in names} <= after.keys()


def test_kafka_waits_for_its_own_jars_alone(tmp_path: Path) -> None:
    after = needs(load(home=tmp_path, source="sandbox"))
    assert after["kafka"] == ("kafka-jars",)
    assert "spark-jars" in after["champion"]
    assert "kafka-jars" not in needs(load(home=tmp_path, source="sandbox", kafka_servers="127.0.0.1:9"))


def test_topics_wait_for_the_user_that_makes_them(tmp_path: Path) -> None:
    after = needs(load(home=tmp_path, source="sandbox"))
    assert after["kafka-user"] == ("kafka",)
    assert after["topics"] == ("kafka-user",)
    assert "kafka-user" not in needs(load(home=tmp_path, source="sandbox", kafka_servers="127.0.0.1:9"))


def test_who_reads_and_writes_no_topic_has_no_password_of_kafka(tmp_path: Path) -> None:
    installation = describe(load(home=tmp_path, source="sandbox"))
    password, own = (installation.secrets[name] for name in ("STOCKML_KAFKA_PASSWORD", "KAFKA_BROKER_PASSWORD"))
    envs = {program.name: str(program.env) for program in installation.programs}
    knowing = {name for name, env in envs.items() if password in env}
    assert {"producer", "consumer", "airflow-scheduler"} <= knowing
    assert not knowing & {"sandbox", "dashboard", "mlflow", "postgres", "s3"}
    assert not [name for name, env in envs.items() if own in env]


def test_brought_brokers_are_given_no_password_of_ours(tmp_path: Path) -> None:
    installation = describe(load(home=tmp_path, source="sandbox", kafka_servers="127.0.0.1:9"))
    assert installation.settings.kafka_password is None


def test_no_program_is_given_a_variable_that_would_be_refused_as_misspelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in describe(load(home=tmp_path)).programs:
        with monkeypatch.context() as patch:
            for name, value in program.env.items():
                patch.setenv(name, value)
            load(_env_file=None)
