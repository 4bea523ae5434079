"""Spark against a real S3 service."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyspark
import pytest
import requests
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from local import jars, ports, probes
from local.servers.services import environment
from local.supervisor.program import ROOT, Program
from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.spark import rows as held_rows
from stock_ml.adapters.spark.passes import HeldPasses, SparkPasses
from stock_ml.config import Settings
from stock_ml.evaluation.folds import FOREVER, Fold
from stock_ml.model import features
from stock_ml.model.scorer import Scorer
from stock_ml.training import spark_models
from stock_ml.training.fold_fits import FoldFits
from stock_ml.training.walk_forward import fit_rows
from tests.servers import running
from tests.walks import frame, minutes_of, walk

SCHEMA = features.schema(30, 1)


@pytest.fixture(scope="module")
def installation(s3: Settings) -> Settings:
    """Settings of a bucket with three sessions of two symbols."""
    jars.fetch("s3a", s3.jars)
    s = s3.model_copy(update={"s3_bucket": "spark", "symbols": ("AAPL", "GOOGL"), "spark_memory": "1g"})
    lake = Lake.connect(s)
    lake.ensure_bucket()
    for seed, symbol in enumerate(s.symbols):
        lake.write_clean(symbol, "2024-03", frame(symbol, walk(minutes_of("2024-03-04", 3), seed, pull=0.4), s.source))
    return s


def fitted(s: Settings, folder: Path) -> tuple[tuple[float, ...], list[str]]:
    """Return the parameters of models fitted on all bars, by MLlib and in passes, and all command lines.

    MLlib's is saved in `folder`.
    """
    with engine.session(s) as spark:
        bars = engine.read_bars(spark, Lake.connect(s).clean_uri(), s.symbols)
        rows = engine.feature_rows(bars, SCHEMA, s.calendars, s.feed_gap_minutes)
        model = spark_models.fit(rows, SCHEMA["names"])
        whole = Fold(0, FOREVER, FOREVER)
        fits = FoldFits(SparkPasses(rows), SCHEMA["names"], SCHEMA["horizon"], [whole]).fit(["linear", "huber"])
        with Lake.connect(s).scratch("test") as scratch:
            engine.save(spark, model, scratch, folder / "spark")
        coefficients, intercept, _ = spark_models.parameters(model)
        lines = command_lines()
    in_passes = [number for (fit,) in fits.values() for number in (*fit.coefficients, fit.intercept)]
    return (*coefficients, intercept, *in_passes), lines


def command_lines() -> list[str]:
    """Return the command line of each process below this one; one that has just ended has none."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is none
            found.append(" ".join(process.cmdline()))
    return found


def secrets(s: Settings) -> list[str]:
    return [key.get_secret_value() for key in (s.s3_access_key, s.s3_secret_key) if key]


@pytest.fixture(scope="module")
def here(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[float, ...], list[str]]:
    """What local[*] fits."""
    return fitted(installation, tmp_path_factory.mktemp("here"))


def test_no_command_line_holds_a_key_of_the_object_store(
    installation: Settings, here: tuple[tuple[float, ...], list[str]]
) -> None:
    assert any("SparkSubmit" in line for line in here[1])
    assert [line for line in here[1] for secret in secrets(installation) if secret in line] == []


@pytest.fixture
def cluster(installation: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a standalone cluster of a master and two workers of one core each."""
    port, page, *pages = ports.free(4)
    url, overview = f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}/json/"

    def ready(workers: int) -> bool:
        return probes.http(overview)() and requests.get(overview, timeout=2).json()["aliveworkers"] >= workers

    def program(name: str, *words: object, workers: int) -> Program:
        home = Path(pyspark.__file__).parent
        argv = (str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1")
        env = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(tmp_path)}
        return Program(name, (*argv, *map(str, words)), lambda: ready(workers), env=env)

    with ExitStack() as started:
        master = program("master.Master", "--port", port, "--webui-port", page, workers=0)
        started.enter_context(running(master, installation))
        for n, its in enumerate(pages, 1):
            worker = program("worker.Worker", "--cores", 1, "--memory", "1g", "--webui-port", its, url, workers=n)
            started.enter_context(running(worker, installation))
        yield installation.model_copy(update={"spark_master": url})


def test_a_cluster_of_several_workers_fits_what_one_process_fits(
    cluster: Settings, here: tuple[tuple[float, ...], list[str]], tmp_path: Path
) -> None:
    there, lines = fitted(cluster, tmp_path)
    assert sum("CoarseGrainedExecutorBackend" in line for line in lines) == 2
    np.testing.assert_allclose(there, here[0], rtol=1e-9, atol=1e-12)
    assert (tmp_path / "spark" / "metadata").is_dir()
    assert [line for line in lines for secret in secrets(cluster) if secret in line] == []


@pytest.fixture(scope="module")
def rows(installation: Settings) -> Iterator[DataFrame]:
    """Feature rows in a session of their own."""
    s = installation
    with engine.session(s) as spark:
        bars = engine.read_bars(spark, Lake.connect(s).clean_uri(), s.symbols)
        yield engine.feature_rows(bars, SCHEMA, s.calendars, s.feed_gap_minutes).coalesce(2).persist()


def archived(s: Settings, jars_folder: Path) -> str:
    """Return what a process of its own, which reads bars with Spark, tells of its Java's mapped class archives."""
    env = os.environ | environment(s) | {"STOCKML_JARS": str(jars_folder)}
    program = (sys.executable, "-m", "tests.adapters.jvm_class_files")
    return subprocess.run(program, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_classes_of_a_session_that_ended_well_are_there_for_the_next_one(
    installation: Settings, tmp_path: Path
) -> None:
    (tmp_path / "s3a").symlink_to((installation.jars / "s3a").resolve())
    assert archived(installation, tmp_path) == ""
    (file,) = tmp_path.glob("classes-*")
    assert archived(installation, tmp_path) == str(file)
    assert list(tmp_path.glob("classes-*")) == [file]


def test_few_rows_are_held_without_the_plan_that_made_them_and_many_with_it(
    installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.session(installation) as spark:
        bars = engine.read_bars(spark, Lake.connect(installation).clean_uri(), installation.symbols)
        made = engine.feature_rows(bars, SCHEMA, installation.calendars, installation.feed_gap_minutes)
        few = engine.cache_rows(made)
        monkeypatch.setattr(held_rows, "FEW", 0)
        many = engine.cache_rows(made)
        plans = [rows._jdf.queryExecution().optimizedPlan().toString() for rows in (few, many)]
        assert ["FlatMapGroups" in plan for plan in plans] == [False, True]
        tables = [rows.toPandas().sort_values(["symbol", "bar_ts"], ignore_index=True) for rows in (made, few, many)]
    assert len(tables[0]) > 1000
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)


@pytest.mark.parametrize("recipe", spark_models.RECIPES)
def test_a_recipe_s_parameters_forecast_what_spark_forecasts(rows: DataFrame, recipe: str) -> None:
    model = spark_models.fit(rows, SCHEMA["names"], recipe)
    coefficients, intercept, trees = spark_models.parameters(model)
    scorer = Scorer(recipe, coefficients, intercept, dict.fromkeys(("50", "90", "99"), 1.0), SCHEMA, 0, trees=trees)
    sample = model.transform(rows).toPandas()
    apart = scorer.predict(sample[SCHEMA["names"]].to_numpy()).log_return - sample["log_return"].to_numpy()
    assert np.abs(apart).max() <= 1e-12
    assert bool(trees) == (recipe == "gbt")
    left_out = coefficients.count(0.0) - 1  # of these walks every night is 0
    assert (left_out > 0) == (recipe in ("elastic", "gbt"))


@pytest.mark.parametrize(("recipe", "apart"), [("linear", 1e-9), ("elastic", 1e-3), ("huber", 1e-3)])
@pytest.mark.parametrize("where", ["spark", "here"])
def test_folds_are_fitted_in_passes_to_what_mllib_fits_to_each(
    rows: DataFrame, recipe: str, apart: float, where: str
) -> None:
    varied = features.schema(30, 1) | {"names": [name for name in SCHEMA["names"] if name != "night"]}
    firsts = sorted(rows.groupBy("session").agg(F.min("bar_ts")).toPandas().iloc[:, 1].tolist())
    end = firsts[-1] + 2 * 86_400
    folds = [Fold(firsts[0], firsts[2], FOREVER), Fold(firsts[1], end, FOREVER), Fold(firsts[0], end, FOREVER)]
    passes = SparkPasses(rows) if where == "spark" else HeldPasses(rows.toPandas())
    found = FoldFits(passes, varied["names"], varied["horizon"], folds).fit([recipe])[recipe]
    known = [spark_models.parameters(fit_rows(rows, varied, recipe, fold)) for fold in folds]
    matrix = rows.toPandas()[varied["names"]].to_numpy()
    for here, there in zip(found, known, strict=True):
        size = there.predict(matrix).std()
        assert np.abs(here.predict(matrix) - there.predict(matrix)).max() <= apart * size
