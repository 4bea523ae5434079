"""Train, judge, register and promote: what the task of the DAG `train_model` calls."""

from typing import Any, TypedDict

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import tracking
from stock_ml.adapters.mlflow.registry import CHALLENGER, CHAMPION, Registry
from stock_ml.adapters.mlflow.rest import champion, tags
from stock_ml.config import Settings
from stock_ml.evaluation import PERSISTENCE, Bar, Before, Decision
from stock_ml.model import features
from stock_ml.model.scorer import Scorer
from stock_ml.monitoring import notify
from stock_ml.training import mlflow_logging, promotion_guard, spark_models
from stock_ml.training.metrics_report import Report, build, check_parity, decide, measure
from stock_ml.training.reference_sample import described
from stock_ml.training.symbol_fallback import shrunk
from stock_ml.training.version_tags import fits
from stock_ml.training.walk_forward import History, judge

SAMPLE = 1000  # rows on which Spark and the light scorer must agree


class TrainingResult(TypedDict):
    """Tell what a training came to.

    `promoted` names the kind of the version, `reason` why it was chosen, `alias` what the version became.
    `skill` and `mae_model` (price) are those of this kind in walk-forward, `mae_persistence` is the last price's.
    `report` holds every metric of all candidates, in walk-forward and on the `test_rows` rows of held-out sessions.
    """

    run_id: str
    version: str
    promoted: str
    alias: str
    reason: str
    skill: float
    mae_model: float
    mae_persistence: float
    test_rows: int
    report: Report


def train(s: Settings, why: str = "", changed_at: int | None = None) -> TrainingResult:
    """Train on the clean bars, judge against persistence, register who is to serve and make it what `promote` says.

    `why` is what started it, in words: the tag `started_by` of run and version. `changed_at` is the market's time of
    the alarm that asked for it, if one did: no session before it confirms another kind. A challenger waits for a
    person to promote it; where no champion fits the settings, the new version is champion. A person is notified.

    Any failure leaves the champion as it was, and ends the MLflow run FAILED with the reason as a tag. Of trainings at
    once the first to register decides, and the others end with Overtaken.
    Raises TooLittleHistory, ParityError, Overtaken, DiskFull, RegistryUnavailable.
    """
    registry = Registry.connect(s, retries=3, timeout=60)
    known = mlflow_logging.tags(s) | ({"started_by": why} if why else {})
    begun = promotion_guard.seen(registry)
    first = begun.champion is None  # a person waits for it: no time to archive Spark's classes
    with tracking.run(s, known) as run_id, engine.session(s, archives=not first) as spark:
        before = promotion_guard.before(s, registry, changed_at)
        made, report, decision = _train(s, spark, registry, known, before)
        promotion_guard.settle(registry, begun, made)
        alias = _appoint(s, registry, made)
    outcome = result(run_id, made, alias, decision, report)
    notify.trained(s, outcome)
    return outcome


def event(outcome: TrainingResult, why: str, ask: bool) -> dict[str, str | float | bool]:
    """Return what the asset event of a training tells; `ask` where a person is to decide whether a version serves.

    Nobody is asked about a version that serves already, as the first one does.
    """
    told = {"run_id": outcome["run_id"], "version": outcome["version"], "alias": outcome["alias"]}
    return {**told, "skill": outcome["skill"], "why": why, "ask": ask and outcome["alias"] == CHALLENGER}


def _train(
    s: Settings, spark: SparkSession, registry: Registry, known: dict[str, str], before: Before
) -> tuple[str, Report, Decision]:
    """Return a registered version that loads, the report on all candidates, and the decision for its kind."""
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    uri = Lake.connect(s).clean_uri()
    mlflow_logging.reached("spark")
    rows = _rows(s, spark, schema, uri)
    history = History(s.holdout_sessions, s.train_sessions, before.changed_at)
    walked = judge(rows, schema, _recipes(s, before.kind), history)
    mlflow_logging.reached("fitted")
    judged = shrunk(walked, promotion_guard.last_price(s))
    report = measure(judged)
    decision = decide(judged, before, Bar(s.promote_alpha, s.promote_margin))
    scorer = build(decision.kind, judged, schema)
    fitted = judged.models.get(scorer.kind) or spark_models.persistence()
    pipeline = spark_models.with_last_price(fitted, scorer.last_price)
    trained = rows.where(F.col("bar_ts") >= int(judged.sessions["first"].min()))
    sample = pipeline.transform(trained.limit(SAMPLE)).toPandas()
    check_parity(scorer, sample)
    mlflow_logging.reached("judged")
    mlflow_logging.record(s, judged, report, uri)
    mlflow_logging.describe(described(rows, judged, s.calendars.of(s.symbols[0]), known))
    told = known | _told(decision, report, scorer) | promotion_guard.tags(before, decision, scorer.last_price)
    mlflow_logging.explain(s, judged, report, sample, told)
    made = mlflow_logging.register(s, spark, scorer, pipeline, told)
    registry.load(made).check(schema)
    mlflow_logging.reached("registered")
    return made, report, decision


def _recipes(s: Settings, serving: str) -> tuple[str, ...]:
    """Return what is trained beside persistence: the candidates, and what serves, refitted like them."""
    return tuple(dict.fromkeys((*s.candidates, *({serving} & set(spark_models.RECIPES)))))


def _appoint(s: Settings, registry: Registry, made: str) -> str:
    if s.promote == CHALLENGER and fits(tags(champion(s)), s):
        registry.challenge(made)
        return CHALLENGER
    registry.promote(made)
    return CHAMPION


def _told(decision: Decision, report: Report, scorer: Scorer) -> dict[str, str]:
    """Return what a version's tags tell of its decision, with the numbers."""
    skill = report[f"walk_forward/{decision.kind}"]["skill"]
    told = {"kind": decision.kind, "skill": f"{skill:.6f}", "trained_until": str(scorer.trained_until)}
    return told | {"decision": decision.reason, "p_value": f"{decision.p_value:.6g}"}


def _rows(s: Settings, spark: SparkSession, schema: dict[str, Any], uri: str) -> DataFrame:
    bars = engine.read_bars(spark, uri, s.symbols)
    return engine.cache_rows(engine.feature_rows(bars, schema, s.calendars, s.feed_gap_minutes))


def result(run_id: str, version: str, alias: str, decision: Decision, report: Report) -> TrainingResult:
    """Return what a training came to; its numbers are those of the kind that was chosen."""
    chosen, persistence = (report[f"walk_forward/{kind}"] for kind in (decision.kind, PERSISTENCE))
    return {
        "run_id": run_id,
        "version": version,
        "promoted": decision.kind,
        "alias": alias,
        "reason": decision.reason,
        "skill": chosen["skill"],
        "mae_model": chosen["mae"],
        "mae_persistence": persistence["mae"],
        "test_rows": int(report.get(f"test/{PERSISTENCE}", {}).get("rows", 0)),
        "report": report,
    }
