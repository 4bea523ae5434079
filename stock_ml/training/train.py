"""Train, evaluate, register and promote: the task of the DAG `train_model`."""

from typing import TypedDict

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession

from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import tracking
from stock_ml.adapters.mlflow.registry import CHALLENGER, CHAMPION, Registry
from stock_ml.adapters.mlflow.rest import champion, tags
from stock_ml.config import Settings
from stock_ml.evaluation.promotion import Decision, PromotionThreshold
from stock_ml.evaluation.training_result import Report, TrainingResult, training_result
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.model import features
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.scorer import Scorer
from stock_ml.monitoring import notify
from stock_ml.training import mlflow_logging, promotion_guard, served_fit, spark_models
from stock_ml.training.metrics_report import build_scorer, decide, metrics_report
from stock_ml.training.reference_sample import forecast_sample, reference_profile_of
from stock_ml.training.symbol_fallback import with_symbol_fallback
from stock_ml.training.version_tags import is_compatible
from stock_ml.training.walk_forward import History, WalkForwardResult, judge_intervals, walk_forward


class TrainingEvent(TypedDict):
    """Announce a version to the DAG `promote_model`; `ask` says whether a person decides if it serves."""

    run_id: str
    version: str
    alias: str
    skill: float
    why: str
    ask: bool


def train(s: Settings, why: str = "", alert_at: int | None = None) -> TrainingResult:
    """Train on the clean bars, evaluate against persistence, register a version and give it the alias of `promote`.

    `why` is what started it, in words: the tag `started_by` of run and version. `alert_at` is the market's time of the
    alert that requested it, if one did: no session before it confirms another kind. A challenger waits for a person to
    promote it; where no champion fits the settings, the new version is champion. A person is notified.

    Any failure leaves the champion as it was, and ends the MLflow run FAILED with the reason as a tag. Of trainings at
    once the first to register decides, and the others end with Overtaken.
    Raises TooLittleHistory, ParityError, Overtaken, DiskFull, RegistryUnavailable.
    """
    registry = Registry.connect(s, retries=3, timeout=60)
    known = mlflow_logging.run_tags(s) | ({"started_by": why} if why else {})
    start = promotion_guard.registry_state(registry)
    first = start.champion is None  # a person waits for it: no time to archive Spark's classes
    with tracking.run(s, known) as run_id, engine.session(s, archives=not first) as spark:
        incumbent = promotion_guard.incumbent(s, registry, alert_at)
        version, report, decision = _train(s, spark, registry, known, incumbent)
        promotion_guard.withdraw_if_overtaken(registry, start, version)
        alias = _assign_alias(s, registry, version)
    outcome = training_result(run_id, version, alias, decision, report)
    notify.notify_training(s, outcome)
    return outcome


def training_event(outcome: TrainingResult, why: str, approval: bool) -> TrainingEvent:
    """Return the asset event of a training; `approval` where a person is to decide whether a version serves.

    No approval is requested for a version that serves already, as the first one does.
    """
    return {
        "run_id": outcome["run_id"],
        "version": outcome["version"],
        "alias": outcome["alias"],
        "skill": outcome["skill"],
        "why": why,
        "ask": approval and outcome["alias"] == CHALLENGER,
    }


def _train(
    s: Settings, spark: SparkSession, registry: Registry, known: dict[str, str], incumbent: Incumbent
) -> tuple[str, Report, Decision]:
    """Return a registered version that loads, the report on all candidates, and the decision for its kind."""
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    uri = Lake.connect(s).clean_uri()
    mlflow_logging.log_stage("spark")
    rows = _rows(s, spark, schema, uri)
    history = History(s.holdout_sessions, s.train_sessions, incumbent.regime_change_at)
    raw = walk_forward(rows, schema, _recipes(s, incumbent.kind), history)
    mlflow_logging.log_stage("fitted")
    result = judge_intervals(with_symbol_fallback(raw, promotion_guard.fallbacks(s)))
    report = metrics_report(result)
    decision = decide(result, incumbent, PromotionThreshold(s.promote_alpha, s.promote_margin))
    served, scorer, pipeline, sample = _served(rows, result, schema, decision.kind)
    mlflow_logging.log_stage("judged")
    mlflow_logging.log_training(s, served, report, uri, forecast_sample(served))
    profile = reference_profile_of(rows, served, s.calendars.of(s.symbols[0]), schema["hash"])
    mlflow_logging.log_reference_profile(profile)
    guard_tags = promotion_guard.tags(incumbent, decision, scorer.last_price)
    version_tags = known | _decision_tags(decision, report, scorer) | guard_tags
    mlflow_logging.log_explanation(s, served, report, sample, version_tags)
    version = mlflow_logging.register(s, spark, scorer, pipeline, version_tags)
    registry.load(version).check(schema)
    mlflow_logging.log_stage("registered")
    return version, report, decision


def _recipes(s: Settings, serving: str) -> tuple[str, ...]:
    """Return what is trained beside persistence: the candidates, and what serves, refitted like them."""
    return tuple(dict.fromkeys((*s.candidates, *({serving} & set(spark_models.RECIPES)))))


def _served(
    rows: DataFrame, judged: WalkForwardResult, schema: FeatureSchema, kind: str
) -> tuple[WalkForwardResult, Scorer, PipelineModel, pd.DataFrame]:
    """Return the result with what serves, as a scorer and as a pipeline, and the rows on which they agree."""
    result = served_fit.with_served_fit(judged, rows, schema, kind)
    scorer = build_scorer(kind, result, schema)
    pipeline = served_fit.pipeline(result, scorer)
    sample = served_fit.sample(rows, result, pipeline)
    served_fit.check_parity(scorer, sample)
    if kind in judged.fits:
        served_fit.check_judged(judged.fits[kind], result.fits[kind], sample, schema)
    return result, scorer, pipeline, sample


def _assign_alias(s: Settings, registry: Registry, version: str) -> str:
    if s.promote == CHALLENGER and is_compatible(tags(champion(s)), s):
        registry.challenge(version)
        return CHALLENGER
    registry.promote(version)
    return CHAMPION


def _decision_tags(decision: Decision, report: Report, scorer: Scorer) -> dict[str, str]:
    """Return what a version's tags tell of its decision, with the numbers."""
    skill = report[f"walk_forward/{decision.kind}"]["skill"]
    numbers = {"skill": f"{skill:.6f}", "trained_until": str(scorer.trained_until)}
    return numbers | {"kind": decision.kind, "decision": decision.reason, "p_value": f"{decision.p_value:.6g}"}


def _rows(s: Settings, spark: SparkSession, schema: FeatureSchema, uri: str) -> DataFrame:
    bars = engine.read_bars(spark, uri, s.symbols)
    return engine.cache_rows(engine.feature_rows(bars, schema, s.calendars, s.feed_gap_minutes))
