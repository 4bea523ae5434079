"""Train, judge, register and promote: what the task of the DAG `train_model` calls."""

from typing import Any, TypedDict

from pyspark.sql import DataFrame, SparkSession

from stock_ml import features
from stock_ml import train as fitting
from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.registry import Registry, tracking
from stock_ml.config import Settings
from stock_ml.steps import recording
from stock_ml.steps.judging import judge
from stock_ml.steps.measuring import Report, best, build, check_parity, measure

SAMPLE = 1000  # rows on which Spark and the light scorer must agree


class TrainingResult(TypedDict):
    """Tell what a training came to; skill and the two MAE (in price) are the linear model's in walk-forward.

    `promoted` names the candidate that is champion now, linear or persistence. `report` holds every metric of both,
    in walk-forward and on the `test_rows` rows of held-out sessions.
    """

    run_id: str
    version: str
    promoted: str
    skill: float
    mae_model: float
    mae_persistence: float
    test_rows: int
    report: Report


def train(s: Settings) -> TrainingResult:
    """Train on the clean bars, judge against persistence, register the better one and make it champion.

    Any failure leaves the champion as it was, and ends the MLflow run FAILED with the reason as a tag.
    Raises TooLittleHistory, ParityError, RegistryUnavailable.
    """
    registry = Registry.connect(s, retries=3, timeout=60)
    tags = recording.tags(s)
    with tracking.run(s, tags) as run_id, engine.session(s) as spark:
        made, report, kind = _train(s, spark, registry, tags)
        registry.promote(made)
    return _result(run_id, made, kind, report)


def _train(s: Settings, spark: SparkSession, registry: Registry, tags: dict[str, str]) -> tuple[str, Report, str]:
    """Return a registered version that loads, the report on both candidates, and which of them the version is."""
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    uri = Lake.connect(s).clean_uri()
    rows = _rows(s, spark, schema, uri)
    judged = judge(rows, schema, s.holdout_sessions)
    report = measure(judged)
    scorer = build(best(report), judged, schema)
    pipeline = judged.model if scorer.kind == "linear" else fitting.persistence()
    check_parity(scorer, pipeline.transform(rows.limit(SAMPLE)).toPandas())
    recording.record(s, judged, report, uri)
    skill = report[f"walk_forward/{scorer.kind}"]["skill"]
    told = tags | {"kind": scorer.kind, "skill": f"{skill:.6f}", "trained_until": str(scorer.trained_until)}
    made = recording.register(s, spark, scorer, pipeline, told)
    registry.load(made).check(schema)
    return made, report, scorer.kind


def _rows(s: Settings, spark: SparkSession, schema: dict[str, Any], uri: str) -> DataFrame:
    bars = engine.read_bars(spark, uri, s.symbols)
    return engine.feature_rows(bars, schema, s.exchange, s.feed_gap_minutes).persist()


def _result(run_id: str, made: str, kind: str, report: Report) -> TrainingResult:
    linear, persistence = report["walk_forward/linear"], report["walk_forward/persistence"]
    return {
        "run_id": run_id,
        "version": made,
        "promoted": kind,
        "skill": linear["skill"],
        "mae_model": linear["mae"],
        "mae_persistence": persistence["mae"],
        "test_rows": int(report.get("test/linear", {}).get("rows", 0)),
        "report": report,
    }
