"""Sample the feature rows that a model is trained on, and profile them for the drift report."""

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.domain.calendar import Sessions
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
    there = result.predictions.loc[result.predictions["session"].astype(str).isin(dates), "symbol"]
    return tuple(sorted(there.unique().tolist())[:SYMBOLS]), dates
