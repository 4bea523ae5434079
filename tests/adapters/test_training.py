"""Training on a real S3 service, a real Spark and a real MLflow server."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from pyspark import SparkContext
from pyspark.ml import PipelineModel

from local import first_training, jars, ports
from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import tracking
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.rest import artifact, version
from stock_ml.adapters.mlflow.versions import promote, rollback, versions
from stock_ml.config import Settings
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.errors import (
    BadBars,
    DiskFull,
    ModelError,
    Overtaken,
    RegistryUnavailable,
    SchemaMismatch,
    SparkLost,
    StoreUnavailable,
    TooLittleHistory,
)
from stock_ml.evaluation.promotion import PERSISTENCE
from stock_ml.evaluation.reference_profile import ReferenceProfile
from stock_ml.model import features
from stock_ml.model.scorer import prices
from stock_ml.monitoring.live_drift import ARTIFACT
from stock_ml.training import mlflow_logging, promotion_guard, spark_models
from stock_ml.training.promote_challenger import promote_challenger
from stock_ml.training.train import TrainingResult, train
from stock_ml.training.walk_forward import History, walk_forward
from tests.mlflow_library import library
from tests.walks import NYSE, frame, minutes_of, take, walk

# MLflow warns about its own type hints when it is imported
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")
SESSIONS, HELD_OUT, LONGEST, SYMBOLS = 18, 2, 7, ("AAPL", "GOOGL")
TS = minutes_of("2024-02-27", SESSIONS)  # crosses a month


def bars_of(number: int) -> Minutes:
    """Bars whose returns partly undo the one before, with some minutes missing."""
    whole = walk(TS, seed=number, pull=0.4)
    keep = np.random.default_rng(number).random(len(TS)) > 0.05
    return fill(take(whole, keep), NYSE, 15)


def store(lake: Lake, symbol: str, minutes: Minutes) -> None:
    bars = frame(symbol, minutes, lake.source)
    for month, part in bars.groupby(bars["ts"].dt.strftime("%Y-%m")):
        lake.write_clean(symbol, str(month), part)


@pytest.fixture(scope="module")
def installation(mlflow_server: Settings) -> Settings:
    jars.fetch("s3a", mlflow_server.jars)
    Lake.connect(mlflow_server).ensure_bucket()  # where MLflow keeps its artifacts
    s = mlflow_server.model_copy(
        update={
            "s3_bucket": "training",
            "symbols": SYMBOLS,
            "holdout_sessions": HELD_OUT,
            "train_sessions": LONGEST,
            "spark_memory": "1g",
        }
    )
    lake = Lake.connect(s)
    lake.ensure_bucket()
    for number, symbol in enumerate(SYMBOLS):
        store(lake, symbol, bars_of(number))
    return s


@pytest.fixture(scope="module")
def trained(installation: Settings) -> TrainingResult:
    return train(installation)


@pytest.fixture
def registry(installation: Settings) -> Registry:
    return Registry.connect(installation)


@pytest.fixture
def login(installation: Settings) -> Iterator[None]:
    """Let MLflow's library log in during a test; a training does so by itself."""
    with tracking.login(installation):
        yield


def client(s: Settings) -> MlflowClient:
    return library(Registry.connect(s))


def failed_run(s: Settings) -> Run:
    """Return the newest run that failed: a training's, for those below it end well."""
    experiment = client(s).get_experiment_by_name("stock_ml")
    return client(s).search_runs([experiment.experiment_id], "attributes.status = 'FAILED'", max_results=1)[0]


@pytest.mark.usefixtures("login")
def test_the_better_candidate_is_champion_and_its_run_tells_everything(installation, trained, registry):
    json.dumps(trained)
    assert trained["promoted"] in ("linear", "huber")
    assert "better than persistence on" in trained["reason"]
    assert trained["mae_model"] < trained["mae_persistence"]
    champion = registry.champion()
    assert (champion.version, champion.run_id) == (trained["version"], trained["run_id"])
    run = client(installation).get_run(trained["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["simulated"] == "true"
    assert run.info.run_name.endswith("SIMULATED")
    assert run.data.metrics[f"walk_forward/{trained['promoted']}/mae"] == trained["mae_model"]
    assert run.data.params["symbols"] == str(SYMBOLS)
    assert [data.dataset.name for data in run.inputs.dataset_inputs] == ["clean bars"]
    objects = mlflow.artifacts.load_dict(f"runs:/{trained['run_id']}/clean_bars.json")
    assert objects == Lake.connect(installation).clean_digests(SYMBOLS)
    plots = client(installation).list_artifacts(trained["run_id"], "plots")
    assert len(plots) == 6
    card = mlflow.artifacts.load_text(f"runs:/{trained['run_id']}/model_card.md")
    assert trained["reason"] in card
    uri = f"runs:/{trained['run_id']}/quality.json"
    quality = mlflow.artifacts.download_artifacts(uri, tracking_uri=installation.mlflow)
    assert set(json.loads(Path(quality).read_text())["symbols"]) == set(SYMBOLS)
    tags = client(installation).get_model_version("stock-close", champion.version).tags
    said = client(installation).get_registered_model("stock-close").description
    assert ("SIMULATED" in said) == installation.simulated
    assert f"{installation.horizon} min ahead" in said
    assert (tags["kind"], tags["symbols"]) == (trained["promoted"], "AAPL,GOOGL")
    assert (tags["decision"], float(tags["p_value"]) < 0.05) == (trained["reason"], True)
    skill = trained["report"][f"walk_forward/{trained['promoted']}"]["skill"]
    assert (float(tags["skill"]), trained["skill"]) == (pytest.approx(skill, abs=1e-6), skill)


def test_each_candidate_and_each_of_its_folds_has_a_run_below_the_training(installation, trained):
    training = client(installation).get_run(trained["run_id"])
    where = f"tags.training = '{trained['run_id']}'"
    below = client(installation).search_runs([training.info.experiment_id], where)
    parents = {run.info.run_name: run.data.tags["mlflow.parentRunId"] for run in below}
    kinds = ("persistence", "linear", "huber")
    folds = {f"{kind}, fold {n}" for kind in kinds for n in range(4)}
    assert set(parents) == {*kinds, *folds}
    named = {run.info.run_name: run for run in below}
    assert all(parents[kind] == trained["run_id"] for kind in kinds)
    assert all(parents[fold] == named[fold.partition(",")[0]].info.run_id for fold in folds)
    assert {run.info.status for run in below} == {"FINISHED"}
    assert named["linear"].data.metrics["skill"] == trained["report"]["walk_forward/linear"]["skill"]
    assert named["huber, fold 2"].data.metrics["rows"] > 0


def test_the_champion_tells_what_it_was_trained_for(installation, trained):
    assert first_training.has_champion(installation)
    assert not first_training.has_champion(installation.model_copy(update={"feed_gap_minutes": 5}))


def test_the_run_tells_what_was_trained_on_for_whoever_looks_for_drift(installation, trained, registry):
    run = version(installation, trained["version"]).run_id
    told = ReferenceProfile.from_json(artifact(installation, run, ARTIFACT))
    assert (told.symbols, told.trained_until) == (SYMBOLS, registry.load(trained["version"]).trained_until)
    tables = [features.table(bars_of(i), NYSE, registry.load(trained["version"]).schema, 15) for i in range(2)]
    wanted = TS[390 * (SESSIONS - HELD_OUT - LONGEST) : 390 * (SESSIONS - HELD_OUT)]
    known = pd.concat([table[table["bar_ts"].isin(wanted)] for table in tables]).dropna()
    assert told.edges["range"] == pytest.approx(np.quantile(known["range"], np.arange(1, 10) / 10).tolist())
    assert told.longest == LONGEST // 2
    assert artifact(installation, run, "nothing.json") is None


def test_held_out_sessions_are_judged_and_not_trained_on(trained, registry):
    scorer = registry.load(trained["version"])
    tables = [features.table(bars_of(i), NYSE, scorer.schema, 15) for i in range(2)]
    known = pd.concat(tables).dropna().query("bar_ts < @TS[390 * (@SESSIONS - @HELD_OUT)]")
    assert scorer.trained_until == known["bar_ts"].max() + 120  # when the newest target's bar had ended
    late = pd.concat(tables).dropna().query("bar_ts >= @scorer.trained_until")
    assert trained["test_rows"] == len(late)
    error = np.abs(late["last_close"] * np.expm1(late["target"]))
    assert trained["report"]["test/persistence"]["mae"] == pytest.approx(error.mean())


def test_what_serves_was_fitted_on_the_newest_sessions_only(installation, trained, registry):
    schema = registry.load(trained["version"]).schema
    wanted = TS[390 * (SESSIONS - HELD_OUT - LONGEST) : 390 * (SESSIONS - HELD_OUT)]
    tables = [features.table(bars_of(i), NYSE, schema, 15).dropna() for i in range(2)]
    rows = sum(int(table["bar_ts"].isin(wanted).sum()) for table in tables)
    params = client(installation).get_run(trained["run_id"]).data.params
    assert (params["train_sessions"], params["rows_trained"]) == (str(LONGEST), str(rows))


@pytest.mark.usefixtures("login")
def test_the_light_scorer_equals_spark_on_the_same_features_bit_for_bit(installation, trained, registry, tmp_path):
    scorer = registry.load(trained["version"])
    uri = f"models:/stock-close/{trained['version']}/artifacts/spark"
    folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path), tracking_uri=installation.mlflow))
    with engine.session(installation) as spark:
        bars = engine.read_bars(spark, Lake.connect(installation).clean_uri(), SYMBOLS)
        rows = engine.feature_rows(bars, scorer.schema, installation.calendars, 15)
        model = PipelineModel.load(folder.resolve().as_uri())
        found = model.transform(rows).drop("features").toPandas()
        fallback = spark_models.with_fallback(model, ("AAPL", "MSFT")).transform(rows).drop("features").toPandas()
    found, fallback = (told.sort_values(["symbol", "bar_ts"], ignore_index=True) for told in (found, fallback))
    assert fallback["log_return"].tolist() == found["log_return"].where(found["symbol"] != "AAPL", 0.0).tolist()
    here = pd.concat([features.table(bars_of(i), NYSE, scorer.schema, 15).dropna() for i in range(2)])
    matrix = here[list(features.FEATURES)].to_numpy()
    assert found[list(features.FEATURES)].to_numpy().tobytes() == matrix.tobytes()
    assert np.abs(scorer.predict(matrix).log_return - found["log_return"].to_numpy()).max() <= 1e-9


ELSEWHERE = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/stock-close/{sys.argv[2]}")
given = pd.DataFrame(json.loads(sys.argv[3]))
import stock_ml.model.scorer
assert "/code/" in stock_ml.model.scorer.__file__, stock_ml.model.scorer.__file__
assert "stock_ml.model.features" not in sys.modules
print(json.dumps(model.predict(given).to_dict("list")))
"""


def test_a_version_loads_on_another_machine_without_java_and_without_the_project(
    installation, trained, registry, tmp_path
):
    scorer = registry.load(trained["version"])
    table = features.table(bars_of(0), NYSE, scorer.schema, 15).head(5)
    given = table[[*features.FEATURES, "last_close"]].assign(symbol="AAPL")
    bare = {"PATH": "/nowhere", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    bare |= dict(zip(("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"), installation.mlflow_login, strict=True))
    command = [
        sys.executable,
        "-c",
        ELSEWHERE,
        installation.mlflow,
        trained["version"],
        json.dumps(given.to_dict("list")),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = prices(table["last_close"].to_numpy(), scorer.predict(table[list(features.FEATURES)].to_numpy()))
    for name, column in json.loads(done.stdout.splitlines()[-1]).items():
        np.testing.assert_allclose(column, getattr(expected, name), rtol=1e-12)


def test_where_no_bars_are_stored_the_champion_stays_and_the_run_says_why(installation, trained, registry):
    with pytest.raises(TooLittleHistory):
        train(installation.model_copy(update={"symbols": ("NVDA",)}))
    assert registry.champion().version == trained["version"]
    newest = failed_run(installation)
    assert newest.info.status == "FAILED"
    assert newest.data.tags["reason"].startswith("TooLittleHistory: 0 sessions")


def test_where_nothing_moves_persistence_is_champion_intervals_and_all(installation, trained, registry):
    fallback = walk(TS)
    flat = np.full(len(TS), 50.0)
    store(Lake.connect(installation), "FLAT", Minutes(TS, flat, flat, flat, flat, fallback.volume, fallback.filled))
    result = train(installation.model_copy(update={"symbols": ("FLAT",), "holdout_sessions": 0}))
    assert (result["promoted"], result["test_rows"]) == ("persistence", 0)
    assert registry.champion().version == result["version"]
    scorer = registry.load(result["version"])
    assert scorer.kind == "persistence"
    assert scorer.trained_until == TS[-1] + 60
    assert rollback(registry, "a test") == (result["version"], trained["version"])
    assert registry.champion().version == trained["version"]
    known = {version.number: version for version in versions(registry)}
    assert known[result["version"]].tags["replaced"] == trained["version"]
    assert known[trained["version"]].aliases == ["champion"]
    assert known[trained["version"]].tags["promoted_by"] == "a test"
    with pytest.raises(ModelError, match="has no version '999'"):
        promote(registry, "999", "a test")


def test_a_registry_that_is_away_is_said_to_be_away(installation):
    away = installation.model_copy(update={"mlflow_port": ports.free(1)[0]})
    registry = Registry.connect(away)
    with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1"):
        registry.champion()
    with pytest.raises(RegistryUnavailable):
        registry.load("1")
    with pytest.raises(RegistryUnavailable):
        train(away)


def test_an_object_store_that_is_away_is_said_to_be_away(installation):
    away = installation.model_copy(update={"s3_port": ports.free(1)[0], "s3_bucket": "away"})
    with engine.session(away) as spark, pytest.raises(StoreUnavailable, match="s3a://away"):
        engine.read_bars(spark, Lake.connect(away).clean_uri(), SYMBOLS)


def test_a_challenger_stands_beside_the_champion_until_a_person_promotes_it(installation, trained, registry):
    assert (trained["alias"], registry.challenger()) == ("champion", None)
    other = "huber" if trained["promoted"] == "linear" else "linear"
    asked = {"promote": "challenger", "candidates": (other,)}
    result = train(installation.model_copy(update=asked), alert_at=int(TS[0]))
    assert (result["alias"], result["promoted"]) == ("challenger", trained["promoted"])
    assert result["reason"] == "there are 0 of 5 sessions that no decision used yet"
    tags = {version.number: version.tags for version in versions(registry)}
    incumbent, after = (tags[one["version"]] for one in (trained, result))
    assert int(incumbent["decided_until"]) == int(incumbent["trained_until"]) - 60
    assert (after["decided_until"], after["changed_at"]) == (incumbent["decided_until"], str(TS[0]))
    assert (registry.champion().version, registry.challenger().version) == (trained["version"], result["version"])
    assert promote_challenger(installation, trained["version"]) is None  # who was asked about another one, too late
    assert registry.champion().version == trained["version"]
    assert promote_challenger(installation, result["version"]) == trained["version"]
    assert (registry.champion().version, registry.challenger()) == (result["version"], None)


def test_a_champion_with_another_schema_is_no_one_to_beat_and_leaves_no_symbol_at_its_last_price(
    installation, trained, registry
):
    other = installation.model_copy(update={"window": 31})
    assert promotion_guard.incumbent(installation, registry, None).kind == trained["promoted"]
    assert promotion_guard.incumbent(other, registry, None) == (PERSISTENCE, None, None)
    assert promotion_guard.fallbacks(other) == {}
    with pytest.raises(SchemaMismatch, match="window: model 30, here 31"):
        registry.load(trained["version"]).check(features.schema(other.window, other.horizon))


@pytest.fixture(scope="module")
def first(installation: Settings) -> tuple[Settings, TrainingResult]:
    """A first training; beside AAPL are a symbol whose bars ended, the first by name, and one that never had any."""
    lake, bars = Lake.connect(installation), bars_of(1)
    store(lake, "AAENDED", take(bars, bars.ts < TS[390 * 12]))
    asked = {"promote": "challenger", "mlflow_model": "first", "candidates": ("linear",)}
    own = installation.model_copy(update=asked | {"symbols": ("AAPL", "AAENDED", "NEVER")})
    return own, train(own)


def test_where_no_champion_fits_the_settings_there_is_nothing_to_challenge(first):
    own, result = first
    assert (result["alias"], Registry.connect(own).champion().version) == ("champion", result["version"])


def test_a_symbol_without_bars_and_one_whose_bars_ended_hold_up_no_other(first):
    own, result = first
    made = Registry.connect(own).load(result["version"])
    assert made.trained_until > TS[390 * (SESSIONS - HELD_OUT - 1)], "to the end of what AAPL has"
    assert set(made.last_price) <= {"AAPL", "AAENDED"}


def walk_forward_of(s, bars):
    """Judge what bars come to, with one candidate; they may be such as never pass the gate."""
    own = s.model_copy(update={"symbols": tuple(bars), "s3_bucket": "judged"})
    lake = Lake.connect(own)
    lake.ensure_bucket()
    for symbol, minutes in bars.items():
        store(lake, symbol, minutes)
    described = features.schema(own.window, own.horizon)
    with engine.session(own) as spark:
        clean = engine.read_bars(spark, lake.clean_uri(), own.symbols)
        rows = engine.cache_rows(engine.feature_rows(clean, described, own.calendars, own.feed_gap_minutes))
        return walk_forward(rows, described, ("linear",), History(0, own.train_sessions))


def test_a_symbol_that_appears_midway_is_judged_from_then_on(installation):
    late = take(bars_of(1), bars_of(1).ts >= TS[390 * 15])
    losses = walk_forward_of(installation, {"EARLY": bars_of(0), "LATE": late}).losses
    found = losses[losses["fold"] >= 0].groupby("symbol")["session"].nunique()
    assert found.to_dict() == {"EARLY": 9, "LATE": 3}


def test_minutes_that_are_all_filled_are_nothing_to_train_on(installation):
    fallback = walk(TS)
    with pytest.raises(TooLittleHistory, match="0 sessions with forecastable bars"):
        walk_forward_of(installation, {"FILLED": replace(fallback, filled=np.ones(len(TS), dtype=bool))})


def test_a_number_that_is_none_is_told_with_symbol_and_time(installation):
    bars = bars_of(0)
    close = bars.close.copy()
    close[np.flatnonzero(~bars.filled)[950]] = np.nan  # a bar as received: filled ones are made again
    with pytest.raises(BadBars, match=r"HURT at 2024-02-29 .* not finite.*ingest_bars"):
        walk_forward_of(installation, {"HURT": replace(bars, close=close)})


def test_a_spark_that_dies_in_mid_fit_leaves_the_champion_and_the_run_says_why(installation, trained, monkeypatch):
    incumbent, fit = Registry.connect(installation).champion(), spark_models.fit

    def dying(*given):
        SparkContext._gateway.proc.kill()
        return fit(*given)

    monkeypatch.setattr(spark_models, "fit", dying)
    with pytest.raises(SparkLost, match="STOCKML_SPARK_MEMORY"):
        train(installation)
    assert Registry.connect(installation).champion() == incumbent
    newest = failed_run(installation)
    assert newest.data.tags["reason"].startswith("SparkLost: Spark ended in the middle")
    with engine.session(installation) as spark:  # the next one starts anew
        assert spark.range(3).count() == 3


def test_of_two_trainings_at_once_the_first_to_register_decides(installation, monkeypatch):
    own = installation.model_copy(update={"mlflow_model": "at-once", "candidates": ("linear",)})
    model, register = Registry.connect(own), mlflow_logging.register
    other: list[str] = []

    def register_second(*given):
        library(model).create_registered_model(own.mlflow_model)
        made = library(model).create_model_version(
            own.mlflow_model, "s3://nowhere/1", tags=mlflow_logging.run_tags(own)
        )
        other.append(str(made.version))  # the other one has registered by now, and not promoted yet
        return register(*given)

    monkeypatch.setattr(mlflow_logging, "register", register_second)
    with pytest.raises(Overtaken, match="registered version 1 while"):
        train(own)
    model.promote(other[0])
    assert [(version.number, version.aliases) for version in versions(model)] == [(other[0], ["champion"])]
    assert failed_run(installation).data.tags["reason"].startswith("Overtaken: another training")


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """Temporary files in a file system of 2 MB that is full as soon as a training begins to log."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this user may not mount a file system")
    record = mlflow_logging.log_training

    def filled(*given):
        with suppress(OSError), (tmp_path / "rest").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        return record(*given)

    monkeypatch.setattr(mlflow_logging, "log_training", filled)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_disk_that_fills_up_while_a_training_logs_leaves_the_champion(installation, trained, full_disk):
    incumbent = Registry.connect(installation).champion()
    with pytest.raises(DiskFull, match=f"{full_disk}.*No space left on device.*TMPDIR"):
        train(installation.model_copy(update={"candidates": ("linear",)}))
    assert Registry.connect(installation).champion() == incumbent
    newest = failed_run(installation)
    assert (newest.info.status, newest.data.tags["reason"][:16]) == ("FAILED", "DiskFull: the di")
