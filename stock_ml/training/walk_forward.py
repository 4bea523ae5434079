"""Walk forward over the training sessions, refit on all of them, and forecast the sessions held out, with Spark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from multiprocessing.pool import ThreadPool

import pandas as pd
from pyspark import inheritable_thread_target
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.adapters import spark as engine
from stock_ml.errors import BadBars, TooLittleHistory
from stock_ml.evaluation.error_histogram import ErrorHistogram
from stock_ml.evaluation.folds import Fold, in_training, known_at, refit, walk_forward_folds
from stock_ml.evaluation.judging import (
    HELD_OUT,
    Judge,
    Passes,
    Step,
    added,
    error_histograms,
    interval_sums,
    loss_sums,
)
from stock_ml.evaluation.regime_change import history_start
from stock_ml.model.conformal import Calibration
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.parameters import Parameters
from stock_ml.training import spark_models
from stock_ml.training.fold_fits import FoldFits

MAX_CONCURRENT_ROWS = 1_000_000  # rows in all steps that run side by side
MIN_ROWS = 100  # rows to fit or to evaluate with: below this a 99 % interval and a skill say nothing


@dataclass(frozen=True)
class History:
    """Say which sessions train: all but the newest `holdout`, which only test, and at most `longest` for one fit.

    `regime_change_at` is the market's time of the newest regime change in UTC epoch seconds, None where none is known.
    """

    holdout: int
    longest: int
    regime_change_at: int | None = None

    def training_sessions(self, sessions: pd.DataFrame) -> pd.DataFrame:
        """Return those of `sessions`, ascending, that train: none from before a regime change once enough follow it."""
        training = sessions.iloc[: max(len(sessions) - self.holdout, 0)]
        return training.iloc[history_start(training["first"].tolist(), self.regime_change_at) :]


@dataclass(frozen=True)
class WalkForwardResult:
    """Hold what each recipe was fitted to on all training rows, and how it did out of sample.

    `losses` are sums by `judging.KEYS`, and `intervals` too, empty until `judge_intervals`, as `calibrations` are.
    `ticks` are the symbols' newest, `evaluated` are passes over the rows out of sample. `sessions` were trained on
    (first and last bar_ts, rows), and the newest target there was known at `end`. `fallbacks` names for each recipe the
    symbols that were served the last price, in each fold and at the end. `pipelines` are those that MLlib has fitted.
    """

    judge: Judge
    losses: pd.DataFrame
    ticks: Mapping[str, float]
    sessions: pd.DataFrame
    end: int
    evaluated: Passes
    fallbacks: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    intervals: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    pipelines: Mapping[str, PipelineModel] = field(default_factory=dict)

    @property
    def fits(self) -> Mapping[str, Parameters]:
        """Return what each recipe was fitted to on all training rows."""
        return self.judge.steps[-1].fits


def walk_forward(rows: DataFrame, schema: FeatureSchema, recipes: Sequence[str], history: History) -> WalkForwardResult:
    """Fit and forecast `rows`, as from `spark.feature_rows` and `spark.cache_rows`, on the sessions of `history`.

    All recipes use the same folds. Raises TooLittleHistory, BadBars.
    """
    sessions = _sessions(rows, schema["names"])
    training, longest = history.training_sessions(sessions), history.longest
    newest = int(training["last"].max()) if len(training) else 0
    folds = walk_forward_folds(training["first"].tolist(), newest + 1, longest)
    _check(training, folds[0])
    seen = sessions.loc[training.index[0] :]
    _check_finite(seen["wrong"].dropna())
    end = known_at(newest, schema["horizon"])
    steps = [*folds, refit(training["first"].tolist(), end, longest)]
    n = int(sessions["rows"].sum())
    passes = engine.passes(rows, Judge(schema["names"], ()).columns, n)
    fits, pipelines = _fits(rows, n, schema, recipes, FoldFits(passes, schema["names"], schema["horizon"], steps))
    numbers = [*range(len(folds)), HELD_OUT]
    judge = Judge(
        schema["names"],
        [Step(number, fold, _of_step(fits, number)) for number, fold in zip(numbers, steps, strict=True)],
    )
    evaluated = passes.since(judge.first)
    losses, ticks = judge_losses(evaluated, judge)
    used = training.iloc[-longest:].drop(columns="wrong")
    return WalkForwardResult(judge, losses, ticks, used, end, evaluated, pipelines=pipelines)


def judge_intervals(result: WalkForwardResult) -> WalkForwardResult:
    """Return the result with the intervals of what is served: each fold's come from the errors of those before it."""
    judge, fallbacks = result.judge, result.fallbacks
    parts = result.evaluated(judge.columns, partial(error_histograms, judge=judge, fallbacks=fallbacks))
    histograms = {kind: reduce(ErrorHistogram.plus, [part[kind] for part in parts]) for kind in judge.kinds}
    by_fold = {kind: found.by_fold() for kind, found in histograms.items()}
    sums = partial(interval_sums, judge=judge, fallbacks=fallbacks, calibrations=by_fold)
    newest = {kind: found.calibration() for kind, found in histograms.items()}
    return replace(result, intervals=added(result.evaluated(judge.columns, sums)), calibrations=newest)


def judge_losses(evaluated: Passes, judge: Judge) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the losses by `judging.KEYS`, and each symbol's newest tick, by a pass over what is evaluated."""
    parts = evaluated(judge.columns, partial(loss_sums, judge=judge))
    ticks = {symbol: tick for _, of_part in parts for symbol, tick in of_part.items()}
    return added([losses for losses, _ in parts]), dict(sorted(ticks.items()))


def concurrent_steps(rows: int, steps: int) -> int:
    """Return how many of the steps run at once: all where rows are few, as Spark then waits more than it works.

    Where they are many a step by itself keeps all processors busy, and two would need the memory twice.
    """
    return max(1, min(steps, MAX_CONCURRENT_ROWS // max(rows, 1)))


def _sessions(rows: DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return first and last bar_ts, the number of rows and the first `wrong` one of each session, ascending."""
    wanted = [F.min("bar_ts").alias("first"), F.max("bar_ts").alias("last"), F.count("*").alias("rows")]
    wrong = " or ".join(f"{name} is null or isnan({name}) or abs({name}) = double('inf')" for name in names)
    named = F.min(F.when(F.expr(wrong), F.concat_ws(" at ", "symbol", F.timestamp_seconds("bar_ts")))).alias("wrong")
    found: pd.DataFrame = rows.groupBy("session").agg(*wanted, named).toPandas()
    return found.sort_values("session", ignore_index=True)


def _check_finite(wrong: pd.Series) -> None:
    if len(wrong):
        raise BadBars(
            f"the features of {wrong.min()} UTC, and of {len(wrong)} sessions in all, are not finite; a number that is "
            "none came out of their clean bars: clean those months again (DAG ingest_bars)"
        )


def _check(training: pd.DataFrame, fold: Fold) -> None:
    first = training["first"]
    before = (first >= fold.since) & (first < fold.first)
    training_rows, test_rows = (int(training.loc[part, "rows"].sum()) for part in (before, first >= fold.first))
    if min(training_rows, test_rows) < MIN_ROWS:
        raise TooLittleHistory(
            f"{training_rows} rows to train with and {test_rows} to judge with are too few, {MIN_ROWS} of each are "
            "needed: fetch more history (STOCKML_HISTORY_MONTHS) or more symbols"
        )


def _fits(
    rows: DataFrame, n: int, schema: FeatureSchema, recipes: Sequence[str], in_passes: FoldFits
) -> tuple[dict[str, list[Parameters]], dict[str, PipelineModel]]:
    """Return each recipe's parameters by step, and the last step's pipeline of what only MLlib fits."""
    fits, steps = in_passes.fit(recipes), in_passes.folds
    pipelines: dict[str, PipelineModel] = {}
    for recipe in (recipe for recipe in recipes if recipe not in fits):
        with ThreadPool(concurrent_steps(n, len(steps))) as pool:
            # each thread sees the session's settings as this one does
            fit = inheritable_thread_target(rows.sparkSession)(partial(fit_rows, rows, schema, recipe))
            fitted = pool.map(fit, steps, chunksize=1)
        fits[recipe], pipelines[recipe] = [spark_models.parameters(model) for model in fitted], fitted[-1]
    return {recipe: fits[recipe] for recipe in recipes}, pipelines


def fit_rows(rows: DataFrame, schema: FeatureSchema, recipe: str, fold: Fold) -> PipelineModel:
    """Return what MLlib fits to a fold's training rows."""
    known = rows.where(in_training(F.col("bar_ts"), fold, schema["horizon"]))
    return spark_models.fit(known, schema["names"], recipe)


def _of_step(fits: Mapping[str, Sequence[Parameters]], step: int) -> dict[str, Parameters]:
    return {recipe: of_steps[step] for recipe, of_steps in fits.items()}
