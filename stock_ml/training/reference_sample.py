"""Sample the feature rows of a training: those that it is trained on for the drift report, those judged for plots."""

from functools import partial

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.domain.calendar import Sessions
from stock_ml.evaluation.judging import HELD_OUT, fallback_mask, rows_of
from stock_ml.evaluation.reference_profile import ReferenceProfile, Sample, Session, reference_profile
from stock_ml.model.features import FEATURES
from stock_ml.training.walk_forward import WalkForwardResult

SYMBOLS, SESSIONS = 20, 60  # at most: the first ones by name, the newest; 60 MB at the most


def reference_profile_of(
    rows: DataFrame, result: WalkForwardResult, calendar: Sessions, schema_hash: str
) -> ReferenceProfile:
    """Return the profile of the rows trained on; `rows` are as from `spark.feature_rows`."""
    symbols, dates = recent(result)
    wanted = rows.where(F.col("session").isin(dates) & F.col("symbol").isin(*symbols))
    frame = wanted.select("session", *FEATURES).toPandas()
    parts = {date: part[list(FEATURES)].to_numpy(np.float64) for date, part in frame.groupby("session")}
    lengths = dict(zip(calendar.dates.astype(str), calendar.lengths, strict=True))
    sessions = [Session(part, int(lengths.get(date, 0)) * len(symbols)) for date, part in sorted(parts.items())]
    return reference_profile(Sample(schema_hash, symbols, result.end), FEATURES, sessions)


def recent(result: WalkForwardResult) -> tuple[tuple[str, ...], list[str]]:
    """Return the first symbols by name that have rows in the newest training sessions, and these sessions' dates.

    A symbol whose bars ended earlier, or that has none, describes nothing.
    """
    dates = result.sessions["session"].astype(str).tolist()[-SESSIONS:]
    judged = result.losses[result.losses["fold"] != HELD_OUT]
    there = judged.loc[judged["session"].astype(str).isin(dates), "symbol"]
    return tuple(sorted(there.unique().tolist())[:SYMBOLS]), dates


def forecast_sample(result: WalkForwardResult) -> pd.DataFrame:
    """Return the out-of-sample rows of the first SYMBOLS symbols by name, as served, in order of time.

    Columns: `judging.COLUMNS`, `fold`, and each recipe's forecasts, log returns.
    """
    judge = result.judge
    names = sorted(result.losses["symbol"].unique().tolist())[:SYMBOLS]
    wanted = pd.concat(result.evaluated(judge.columns, partial(rows_of, symbols=names)))
    frame = wanted.sort_values(["symbol", "bar_ts"], ignore_index=True)
    judged = pd.concat(list(judge.forecasts([frame])), ignore_index=True)
    sample = judged[judged["fold"] != HELD_OUT].sort_values(["bar_ts", "symbol"], ignore_index=True)
    served = {k: np.where(fallback_mask(sample, sets), 0.0, sample[k]) for k, sets in result.fallbacks.items()}
    return sample.assign(**served)
