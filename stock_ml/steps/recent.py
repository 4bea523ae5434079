"""Leave out of a training what was before an alarm, once enough sessions are there since."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml import evaluate


def recent(rows: DataFrame, changed_at: int | None, holdout: int) -> DataFrame:
    """Return the rows that a training sees, of `rows` with `session` and `bar_ts`.

    `changed_at` is the market's time of the newest alarm in UTC epoch seconds, None where none was; the newest
    `holdout` sessions only test, and are not among those that must be enough.
    """
    if changed_at is None:
        return rows
    sessions = rows.groupBy("session").agg(F.min("bar_ts").alias("first")).collect()
    firsts = sorted(int(session["first"]) for session in sessions)
    begun = evaluate.begins(firsts[: max(len(firsts) - holdout, 0)], changed_at)
    return rows.where(F.col("bar_ts") >= firsts[begun]) if begun else rows
