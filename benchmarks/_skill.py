"""One training on a simulated market, and its forecasts of later sessions beside the best ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from benchmarks.oracle import best
from sandbox.market import Market
from stock_ml.domain.bars import MINUTE, PRICES
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.evaluation.promotion import PERSISTENCE, Decision, PromotionThreshold
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.model import features
from stock_ml.model.adaptive import CalibratedForecasts, replay_scales
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.scorer import Prices, Scorer, nearest, prices
from stock_ml.training.metrics_report import build_scorer, decide
from stock_ml.training.symbol_fallback import with_symbol_fallback
from stock_ml.training.walk_forward import History, WalkForwardResult, judge_intervals, walk_forward

RECIPES = ("linear", "huber")  # what is trained by default
ALPHA, MARGIN = 0.01, 0.01
WINDOW, HORIZON, LIMIT, LAST = 30, 1, 15, "2024-06-28"


@dataclass(frozen=True)
class Size:
    """Hold a market's symbols, and its sessions to train and judge on and to test on."""

    symbols: tuple[str, ...]
    training: int
    test: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """Hold what a training decided, and its rows of the test sessions.

    Columns: last_close, actual, best, each recipe and served (prices), covered (by the served 90 % interval),
    ticks (volatility of a minute) and minute (of the session).
    """

    decision: Decision
    test: pd.DataFrame


def trained(spark: SparkSession, market: Market, size: Size) -> Outcome:
    """Judge and decide as the DAG does, from persistence, on a market's sessions, and forecast those after them."""
    schema = features.schema(WINDOW, HORIZON, LIMIT)
    table = _table(market, size, schema)
    rows = spark.createDataFrame(table.drop(columns="best")).coalesce(1).persist()
    try:
        raw = walk_forward(rows, schema, RECIPES, History(size.test, size.training))
        result = judge_intervals(with_symbol_fallback(raw, {}))
    finally:
        rows.unpersist()
    decision = decide(result, Incumbent(PERSISTENCE), PromotionThreshold(ALPHA, MARGIN))
    ahead = table[(table["bar_ts"] >= result.end) & table["best"].notna()]
    return Outcome(decision, _test(ahead, market, result, schema, decision.kind))


def _table(market: Market, size: Size, schema: FeatureSchema) -> pd.DataFrame:
    """Return the feature rows of all symbols, with the best forecast of each row."""
    newest = int(np.searchsorted(market.sessions.dates, np.datetime64(LAST)))
    numbers = range(newest + 1 - size.training - size.test, newest + 1)
    return pd.concat([_of(market, symbol, numbers, schema) for symbol in size.symbols], ignore_index=True)


def _of(market: Market, symbol: str, numbers: range, schema: FeatureSchema) -> pd.DataFrame:
    bars = market.regular(symbol, numbers)
    values = dict(zip((*PRICES, "volume"), bars.values.T, strict=True))
    received = Minutes(ts=bars.ts, filled=np.zeros(len(bars.ts), dtype=bool), **values)
    table = features.table(fill(received, market.sessions, LIMIT), market.sessions, schema, LIMIT)
    forecast = pd.Series(best(market, symbol, bars), index=bars.ts)
    table = table.assign(symbol=symbol, best=forecast.reindex(table["bar_ts"]).to_numpy())
    return table[table["target"].notna()]


def _test(
    rows: pd.DataFrame, market: Market, result: WalkForwardResult, schema: FeatureSchema, kind: str
) -> pd.DataFrame:
    last, minute = rows["last_close"].to_numpy(), market.sessions.minute(rows["bar_ts"].to_numpy())
    ticks = rows["volatility"].to_numpy() * last / market.kind.tick
    actual = np.round(last * np.exp(rows["target"].to_numpy()), market.kind.decimals)
    found = {"last_close": last, "actual": actual, "best": rows["best"].to_numpy(), "ticks": ticks, "minute": minute}
    found |= {recipe: _prices(build_scorer(recipe, result, schema), rows).predicted_close for recipe in RECIPES}
    served = _prices(build_scorer(kind, result, schema), rows, actual)
    covered = (served.lower_90 <= actual) & (actual <= served.upper_90)
    return pd.DataFrame(found | {"served": served.predicted_close, "covered": covered})


def _prices(scorer: Scorer, rows: pd.DataFrame, actual: NDArray[np.float64] | None = None) -> Prices:
    """Return forecasts of rows; with the closes that came, the intervals adapted as they are in the stream."""
    last = rows["last_close"].to_numpy(np.float64)
    prediction = scorer.predict(rows[scorer.schema["names"]].to_numpy(np.float64), rows["symbol"].to_numpy(str))
    if actual is None:
        return prices(last, prediction)
    slot, ts = pd.factorize(rows["symbol"])[0], rows["bar_ts"].to_numpy()
    forecasts = CalibratedForecasts(
        slot,
        ts,
        ts + HORIZON * MINUTE,
        last,
        nearest(last, prediction),
        prediction.log_return,
        prediction.half,
    )
    return prices(last, prediction, replay_scales(forecasts, actual))
