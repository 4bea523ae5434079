"""Walk forward over the training sessions, refit on all of them, and forecast the sessions held out, with Spark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.pool import ThreadPool

import numpy as np
import pandas as pd
from pyspark import inheritable_thread_target
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.domain.ticks import TickTable, symbol_ticks, ticks_before
from stock_ml.errors import BadBars, TooLittleHistory
from stock_ml.evaluation.folds import Fold, in_evaluation, in_training, known_at, refit, walk_forward_folds
from stock_ml.evaluation.regime_change import history_start
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.trees import Forest
from stock_ml.training import spark_models

COLUMNS = ("symbol", "bar_ts", "session", "last_close", "target", "volatility", "elapsed")
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
    """Hold the models fitted on all training rows, and out-of-sample forecasts as frames of COLUMNS.

    A column of each recipe's name holds its forecasts, log returns; `tick` is the symbol's, 0 where earlier sessions
    do not tell it. `predictions` has `fold` too; `test` holds the
    sessions kept out, empty where there are none. `sessions` were trained on (first and last bar_ts, rows); the newest
    target there was known at `end`. `fallbacks` names for each recipe the symbols that were served the last price, in
    each fold and at the end.
    """

    models: dict[str, PipelineModel]
    predictions: pd.DataFrame
    test: pd.DataFrame
    sessions: pd.DataFrame
    end: int
    fallbacks: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


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
    last = refit(training["first"].tolist(), end, longest)
    with ThreadPool(concurrent_steps(int(seen["rows"].sum()), len(folds) + 1)) as pool:
        # each thread sees the session's settings as this one does
        step = inheritable_thread_target(rows.sparkSession)(partial(_step, rows, schema, recipes))
        *steps, (models, test) = pool.map(step, [*folds, last], chunksize=1)
    predictions = pd.concat([frame.assign(fold=i) for i, (_, frame) in enumerate(steps)], ignore_index=True)
    predictions["tick"] = ticks_before(predictions)
    test["tick"] = TickTable.of(symbol_ticks(predictions)).look_up(test["symbol"].to_numpy(str))
    return WalkForwardResult(models, predictions, test, training.iloc[-longest:].drop(columns="wrong"), end)


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


def _step(
    rows: DataFrame, schema: FeatureSchema, recipes: Sequence[str], fold: Fold
) -> tuple[dict[str, PipelineModel], pd.DataFrame]:
    """Fit on what was known when the fold began, back to its `since`, and forecast its rows in order of time."""
    known = rows.where(in_training(F.col("bar_ts"), fold, schema["horizon"]))
    models = {recipe: spark_models.fit(known, schema["names"], recipe) for recipe in recipes}
    ahead = rows.where(in_evaluation(F.col("bar_ts"), fold))
    frame = ahead.select(*COLUMNS, *(name for name in schema["names"] if name not in COLUMNS)).toPandas()
    ordered = frame.sort_values(["bar_ts", "symbol"], ignore_index=True)
    features = ordered[schema["names"]].to_numpy(np.float64)
    forecasts = {recipe: _predicted(model, features) for recipe, model in models.items()}
    return models, ordered[list(COLUMNS)].assign(**forecasts)


def _predicted(model: PipelineModel, features: np.ndarray) -> np.ndarray:
    """Return a pipeline's forecasts from its parameters: the parity check holds them against Spark's own."""
    found = spark_models.parameters(model)
    forecast: np.ndarray = features @ np.array(found.coefficients) + found.intercept
    return forecast + Forest.of(found.trees).total(features) if found.trees else forecast
