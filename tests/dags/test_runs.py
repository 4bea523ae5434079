"""Both DAGs run against real servers: the sandbox exchange, S3, MLflow, PostgreSQL."""

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from local.airflow_client import Airflow as AirflowApi
from local.secrets import ensure_secrets
from local.servers.airflow import address
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow.rest import champion, newest, tags
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.cleaning import run_report
from stock_ml.config import Settings
from stock_ml.errors import BadQuality, HostError
from stock_ml.ingestion.batches import ONE_EACH
from stock_ml.monitoring.freshness import DEADLINE, check_clean
from stock_ml.training.retrain_policy import Trigger, skip_reason
from tests.dags.conftest import Airflow

SYMBOLS = ["AAPL", "GOOGL"]


@pytest.fixture(scope="module")
def ingested(installed: Airflow) -> dict[str, Any]:
    """A run of `ingest_bars` that went well."""
    answer = installed.ask("run", "ingest_bars")
    assert answer.value["state"] == "success", answer.log[-6000:]
    return answer.value


def test_ingest_takes_each_symbol_by_itself_and_announces_clean_bars_once(ingested: dict[str, Any]) -> None:
    assert sorted(t["symbol"] for t in ingested["tasks"] if t["task"] == "ingest") == SYMBOLS
    assert ingested["events"] == [
        {"asset": "clean_bars", "extra": {"source": "sandbox", "symbols": SYMBOLS, "backfill": False}}
    ]


def test_what_was_received_and_what_is_clean_stand_in_the_lake(ingested: dict[str, Any], exchange: Settings) -> None:
    lake = Lake.connect(exchange)
    for symbol in SYMBOLS:
        months = lake.clean_months(symbol)
        assert months
        assert all(lake.raw_keys(symbol, month) for month in months)
    assert sorted(lake.read_clean()["symbol"].unique()) == SYMBOLS


@pytest.fixture(scope="module")
def trained(ingested: dict[str, Any], installed: Airflow, mlflow_server: Settings) -> dict[str, Any]:
    """A run of `train_model` that went well, and the champion before it."""
    found = champion(mlflow_server)
    before = found.version if found else "0"
    answer = installed.ask("run", "train_model")
    assert answer.value["state"] == "success", answer.log[-6000:]
    return answer.value | {"before": before}


def test_training_registers_a_champion_and_clean_bars_need_no_other_one(
    trained: dict[str, Any], mlflow_server: Settings
) -> None:
    (task,) = trained["tasks"]
    assert (task["state"], task["tries"]) == ("success", 1)
    # not by one exactly: MLflow makes a second version where a slow answer's request is sent again
    assert int(champion(mlflow_server).version) > int(trained["before"])
    assert int(newest(mlflow_server).version) >= int(champion(mlflow_server).version)
    of_two = mlflow_server.model_copy(update={"symbols": tuple(SYMBOLS)})
    assert "0 sessions closed" in str(skip_reason(of_two, Trigger()))


def test_a_training_tells_why_it_ran_what_it_made_and_where_to_look(
    trained: dict[str, Any], api: AirflowApi, mlflow_server: Settings
) -> None:
    serving = champion(mlflow_server)
    assert tags(serving)["started_by"] == "a person triggered it"
    (event,) = trained["events"]
    assert (event["asset"], event["extra"]["why"]) == ("stock_close", "a person triggered it")
    assert (event["extra"]["run_id"], event["extra"]["version"]) == (serving.run_id, serving.version)
    assert event["extra"]["skill"] == pytest.approx(float(tags(serving)["skill"]), abs=1e-6)
    told = api.get(f"dags/train_model/dagRuns/{trained['run_id']}/taskInstances/train/links")
    assert told["extra_links"] == {"Training in MLflow": f"{mlflow_server.mlflow}/#/runs/{serving.run_id}"}


def test_a_run_leads_to_what_became_of_its_rows(ingested: dict[str, Any], api: AirflowApi, exchange: Settings) -> None:
    views = [view for plugin in api.get("plugins")["plugins"] for view in plugin["external_views"]]
    (view,) = [view for view in views if view["destination"] == "dag_run"]
    shown = [
        requests.get(address(exchange) + view["href"].format(RUN_ID=run), timeout=30)
        for run in (ingested["run_id"], "manual__none")
    ]
    assert [answer.status_code for answer in shown] == [200, 200]
    assert all(f"Quality of {symbol}" in shown[0].text and "SIMULATED" in shown[0].text for symbol in SYMBOLS)
    assert "cleaned no bars" in shown[1].text


def test_a_viewer_reads_and_changes_nothing(ingested: dict[str, Any], api: AirflowApi, of_two: Settings) -> None:
    viewer = AirflowApi(of_two, ensure_secrets(of_two), "viewer")
    assert viewer.state("ingest_bars", ingested["run_id"]) == "success"
    with pytest.raises(HostError, match="403"):
        viewer.trigger("ingest_bars")


def test_bars_that_are_not_clean_in_time_are_told_by_symbol(ingested: dict[str, Any], of_two: Settings) -> None:
    check_clean(of_two, 120)
    with pytest.raises(BadQuality, match=r"not clean 120 minutes after the close: TSLA \d{4}-\d\d-\d\d; see"):
        check_clean(of_two.model_copy(update={"symbols": (*SYMBOLS, "TSLA")}), 120)
    store = MonitoringStore.connect(of_two)
    assert str((store.read_state(DEADLINE) or {})["told"]).startswith("not clean 120 minutes after the close: TSLA ")
    check_clean(of_two, 120)
    assert store.read_state(DEADLINE) == {"told": ""}
    store.close()


def test_each_dags_last_run_is_told_to_the_dashboard(trained: dict[str, Any], exchange: Settings) -> None:
    with psycopg.connect(exchange.postgres()) as connection:
        told = dict(
            connection.execute("select service, state from service_state where service like 'dag:%'").fetchall()
        )
    assert (told["dag:ingest_bars"]["state"], told["dag:train_model"]["state"]) == ("success", "success")
    state = told["dag:train_model"]
    assert state["run_id"] == trained["run_id"]
    assert state["started_at"] < state["ended_at"] <= time.time()


@pytest.fixture(scope="module")
def one_bad_file(exchange: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An installation of two files, one of which holds no bars."""
    asked = {"function": "TIME_SERIES_INTRADAY", "symbol": "GOOD", "interval": "1min", "month": "2024-02"}
    asked |= {"outputsize": "full", "extended_hours": "false", "datatype": "csv", "apikey": "sandbox"}
    folder = tmp_path_factory.mktemp("files")
    (folder / "GOOD.csv").write_bytes(requests.get(f"{exchange.sandbox}/query", asked, timeout=30).content)
    (folder / "BAD.csv").write_text("no bars")
    given = {"STOCKML_SOURCE": "csv", "STOCKML_CSV_PATH": str(folder), "STOCKML_S3_BUCKET": "stockml-files"}
    return given | {"STOCKML_SYMBOLS": "BAD,GOOD", "STOCKML_HOLDOUT_SESSIONS": "2"}


def test_a_run_with_enough_symbols_announces_them_and_fails_where_a_person_sees_it(
    installed: Airflow, one_bad_file: dict[str, str], api: AirflowApi, exchange: Settings
) -> None:
    answer = installed.ask("run", "ingest_bars", STOCKML_MINIMUM_SYMBOLS="0.5", **one_bad_file)
    states = {(t["task"], t["symbol"]): t["state"] for t in answer.value["tasks"]}
    assert answer.value["state"] == "failed", answer.log[-6000:]
    assert (states["ingest", "BAD"], states["ingest", "GOOD"]) == ("failed", "success")
    assert (states["publish", None], states["all_clean", None]) == ("success", "upstream_failed")
    (event,) = answer.value["events"]
    assert (event["asset"], event["extra"]["symbols"]) == ("clean_bars", ["GOOD"])
    assert list(event["extra"]["missing"]) == ["BAD"]
    assert event["extra"]["missing"]["BAD"].startswith("BadFile: ")
    assert f"BAD is not clean: {event['extra']['missing']['BAD'][:60]}" in answer.log
    s = exchange.model_copy(update={"source": "csv", "s3_bucket": "stockml-files"})
    page = run_report.page(s, answer.value["run_id"])
    assert "NOT CLEAN: BAD\nBadFile: " in page
    assert "Quality of GOOD" in page


def test_a_run_with_too_few_symbols_announces_nothing_and_says_which_and_what_to_do(
    installed: Airflow, one_bad_file: dict[str, str]
) -> None:
    answer = installed.ask("run", "ingest_bars", **one_bad_file)
    (publish,) = [t for t in answer.value["tasks"] if t["task"] == "publish"]
    assert (answer.value["state"], publish["state"], publish["tries"]) == ("failed", "failed", 1)
    assert answer.value["events"] == []
    assert "TooFewSymbols: 1 of 2 symbols are clean, 80% must be (STOCKML_MINIMUM_SYMBOLS)" in answer.log
    assert "take such symbols out of STOCKML_SYMBOLS. BAD: BadFile: " in answer.log


def test_many_symbols_are_taken_in_a_batch_and_each_has_its_own_line_and_reason(
    installed: Airflow, one_bad_file: dict[str, str], tmp_path: Path, exchange: Settings
) -> None:
    folder, names = Path(one_bad_file["STOCKML_CSV_PATH"]), [f"S{number:02}" for number in range(ONE_EACH)]
    (tmp_path / "BAD.csv").write_text("no bars")
    for name in names:
        (tmp_path / f"{name}.csv").symlink_to(folder / "GOOD.csv")
    given = {"STOCKML_CSV_PATH": str(tmp_path), "STOCKML_SYMBOLS": ",".join(["BAD", *names]), "STOCKML_LABELS": "start"}
    answer = installed.ask("run", "ingest_bars", **one_bad_file | given | {"STOCKML_S3_BUCKET": "stockml-batch"})
    (batch,) = [t for t in answer.value["tasks"] if t["task"] == "ingest"]
    found = (batch["symbol"], batch["state"], batch["tries"])
    assert found == (f"BAD … {names[-1]} ({ONE_EACH + 1})", "failed", 1), answer.log[-6000:]
    assert answer.value["state"] == "failed"  # a person is told, and the others are announced
    (event,) = answer.value["events"]
    assert (event["extra"]["symbols"], list(event["extra"]["missing"])) == (names, ["BAD"])
    assert event["extra"]["missing"]["BAD"].startswith("BadFile: ")
    assert [name for name in ["BAD", *names] if f"{name} is clean: 2024-02" not in answer.log] == ["BAD"]
    assert "BAD is not clean: BadFile: " in answer.log


@pytest.mark.parametrize(("key", "reason"), [("bad", "BadKey"), ("premium", "PremiumEndpoint")])
def test_a_refused_key_fails_at_once_with_the_reason_last(
    installed: Airflow, exchange: Settings, key: str, reason: str
) -> None:
    real = {"STOCKML_SOURCE": "alpha_vantage", "STOCKML_SYMBOLS": "GOOGL", "ALPHAVANTAGE_API_KEY": key}
    real |= {"STOCKML_S3_BUCKET": "stockml-alpha-vantage", "STOCKML_ALPHAVANTAGE_URL": f"{exchange.sandbox}/query"}
    answer = installed.ask("run", "ingest_bars", **real)
    (task,) = [t for t in answer.value["tasks"] if t["task"] == "ingest"]
    assert (task["state"], task["tries"], task["symbol"]) == ("failed", 1, "GOOGL")
    assert (answer.value["state"], answer.value["events"]) == ("failed", [])
    said = [line for line in answer.log.splitlines() if "[task]" in line and "::" not in line]
    assert "action=fail" in said[-1]
    assert f"{reason}: " in said[-1]


def test_upkeep_takes_only_what_is_old(ingested: dict[str, Any], installed: Airflow, of_two: Settings) -> None:
    old, new = (of_two.state / "airflow" / "logs" / "dag_processor" / day for day in ("2020-01-01", "2999-01-01"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    with psycopg.connect(of_two.postgres("airflow"), autocommit=True) as database:
        database.execute("insert into log (dttm, event) values (now() - interval '1 year', 'old'), (now(), 'new')")
        answer = installed.ask("run", "maintain")
        left = database.execute("select event from log where event in ('old', 'new')").fetchall()
    states = {task["task"]: (task["state"], task["tries"]) for task in answer.value["tasks"]}
    names = ("retire", "tidy_runs", "back_up", "forget_old", "forget_airflow")
    assert states == dict.fromkeys(names, ("success", 1)), answer.log[-6000:]
    assert (left, old.exists(), new.exists()) == ([("new",)], False, True)


def test_forms_with_what_there_is_not_are_refused(installed: Airflow) -> None:
    forms: dict[str, list[dict[str, Any]]] = {
        "train_model": [
            {"candidates": ["oracle"]},
            {"candidates": []},
            {"candidates": "linear"},
            {"becomes": "nothing"},
            {"sessions": 1},
            {"sessions": "many"},
        ],
        "ingest_bars": [
            {"symbols": ["../../etc"]},
            {"symbols": [f"S{i}" for i in range(5000)]},
            {"symbols": []},
            {"symbols": "AAPL"},
            {"source": "oracle"},
            {"from": "soon"},
            {"to": "2024-02-30"},
            {"force": "yes"},
        ],
    }
    for dag, given in forms.items():
        told = installed.ask("refusals", dag, json.dumps(given)).value
        for form, answer in zip(given, told.values(), strict=True):
            assert (answer["state"], next(iter(form)) in answer["reason"]) == ("refused", True), answer


def test_a_form_whose_days_contradict_each_other_fails_at_once_and_nothing_is_fetched(installed: Airflow) -> None:
    answer = installed.ask("run", "ingest_bars", json.dumps({"from": "2024-02-02", "to": "2024-02-01"}))
    (plan,) = [task for task in answer.value["tasks"] if task["task"] == "plan"]
    assert (plan["state"], plan["tries"]) == ("failed", 1)
    assert {task["state"] for task in answer.value["tasks"] if task["task"] == "publish"} == {"upstream_failed"}
    assert "BadInput: from 2024-02-02 is after to 2024-02-01" in answer.log


def test_a_form_fetches_other_months_of_one_symbol_and_says_how_many_requests_that_takes(
    ingested: dict[str, Any], installed: Airflow, api: AirflowApi, exchange: Settings
) -> None:
    form = {"symbols": ["GOOGL"], "from": "2023-11-20", "to": "2023-11-30", "force": True}
    done = installed.ask("run", "ingest_bars", json.dumps(form)).value
    assert done["state"] == "success"
    assert [t["symbol"] for t in done["tasks"] if t["task"] == "ingest"] == ["GOOGL"]
    assert {"AAPL", "GOOGL"} == {s for s in SYMBOLS if Lake.connect(exchange).clean_months(s)}
    months = {symbol: "2023-11" in Lake.connect(exchange).clean_months(symbol) for symbol in SYMBOLS}
    assert months == {"AAPL": False, "GOOGL": True}
    told = api.get(f"dags/ingest_bars/dagRuns/{done['run_id']}/taskInstances/plan/xcomEntries/planned")
    assert "1 symbols, 1 months to clean, 1 requests" in told["value"]
