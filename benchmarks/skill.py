"""How much of the attainable skill a training reaches, how often noise is promoted, and whether intervals hold."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Table

from benchmarks._skill import RECIPES, Outcome, Size, trained
from sandbox.market import KINDS, Market
from stock_ml.adapters import spark as engine
from stock_ml.config import load
from stock_ml.domain.calendar import sessions
from stock_ml.evaluation.promotion import PERSISTENCE

FIRST_SEED = 70_001  # no test uses these
SYMBOLS = ("AAPL", "AMZN", "GOOGL", "MSFT")
LEAST_TICKS, LEAST_ROWS = 5, 1_500
AT_ONCE = 2


def run(console: Console, seeds: int = 6, walks: int = 50, training: int = 40, test: int = 20) -> dict[str, float]:
    """Train on so many markets, print what came of them, and return the figures.

    `seeds` markets are made of each of `realistic` and `strong`, of `training` sessions and `test` later ones, and
    `walks` random walks of 24 sessions.
    """
    with engine.session(load(source="sandbox", spark_memory="2g")) as spark:
        size = Size(SYMBOLS, training, test)
        found = {kind: _markets(spark, kind, seeds, size) for kind in ("realistic", "strong")}
        noise = _markets(spark, "random_walk", walks, Size(SYMBOLS[:2], 24, 0))
    console.print(_skills(found))
    served = pd.concat([one.test for outcomes in found.values() for one in outcomes], ignore_index=True)
    hours = _hours(served)
    console.print(_coverage(hours))
    promoted = sum(one.decision.kind != PERSISTENCE for one in noise)
    figures = {f"attained_{kind}": _attained(outcomes) for kind, outcomes in found.items()}
    figures |= {f"false_promotions_of_{walks}": promoted, "coverage_90": _covered(served)}
    figures["coverage_90_worst"] = float(hours[hours["rows"] >= LEAST_ROWS]["covered"].min())
    return {name: round(value, 4) for name, value in figures.items()}


def _markets(spark: SparkSession, kind: str, count: int, size: Size) -> list[Outcome]:
    calendar = sessions("XNYS")
    markets = [Market(FIRST_SEED + i, calendar, KINDS[kind]) for i in range(count)]
    # a fit is hundreds of small jobs that wait for each other: two at once keep both cores busy
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda market: trained(spark, market, size), markets))


def _skill(outcomes: Sequence[Outcome], column: str) -> float:
    """Return 1 - MAE / MAE(persistence) in basis points of the last close, over the test rows of all seeds."""
    rows = pd.concat([one.test for one in outcomes])
    ours, last = (((rows[c] - rows["actual"]).abs() / rows["last_close"]).sum() for c in (column, "last_close"))
    return float(1 - ours / last)


def _attained(outcomes: Sequence[Outcome]) -> float:
    """Return the skill served as a share of the larger of the best forecast's and the best candidate's."""
    return _skill(outcomes, "served") / max(_skill(outcomes, column) for column in ("best", *RECIPES))


def _error(outcomes: Sequence[Outcome]) -> float:
    """Return the standard error of the share attained, by a jackknife over seeds (Efron and Tibshirani 1993, 11.2)."""
    n = len(outcomes)
    if n < 2:
        return float("nan")
    without = np.array([_attained([*outcomes[:i], *outcomes[i + 1 :]]) for i in range(n)])
    return float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows whose volatility is at least LEAST_TICKS ticks: with fewer, no interval covers just 90 %."""
    return rows[rows["ticks"] >= LEAST_TICKS]


def _covered(rows: pd.DataFrame) -> float:
    return float(_wide(rows)["covered"].mean())


def _hours(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows and coverage of each hour of the session, the minutes after the last whole one with it."""
    hour = (_wide(rows)["minute"] // 60).clip(upper=5)
    of_hours = _wide(rows).groupby(hour)["covered"]
    return pd.DataFrame({"rows": of_hours.count(), "covered": of_hours.mean()})


def _skills(found: dict[str, list[Outcome]]) -> Table:
    columns = ("best", *RECIPES, "served")
    table = Table("market", "seeds", "promoted", "test rows", *columns, "attained", title="skill on test sessions")
    for kind, outcomes in found.items():
        promoted = sum(one.decision.kind != PERSISTENCE for one in outcomes)
        numbers = (len(outcomes), promoted, f"{sum(len(one.test) for one in outcomes):,}")
        skills = [f"{_skill(outcomes, column):.4f}" for column in columns]
        attained = f"{_attained(outcomes):.3f} ± {_error(outcomes):.3f}"
        table.add_row(kind, *map(str, numbers), *skills, attained)
    return table


def _coverage(hours: pd.DataFrame) -> Table:
    table = Table("hour of the session", "rows", "covered by the 90 % interval", title="volatility of 5 ticks or more")
    for hour, row in hours.iterrows():
        table.add_row(f"{int(str(hour)) + 1}", f"{int(row['rows']):,}", f"{row['covered']:.4f}")
    return table
