"""Passes over rows: a function runs where the rows are, and only what it yields comes to the driver."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

Found = TypeVar("Found")
HELD, BATCH = 200_000, 20_000  # rows: so many are held in this process, 40 MB of them; and are given at a time


@dataclass(frozen=True)
class SparkPasses:
    """Give each partition's rows to a function, in batches as frames, wherever Spark has them.

    The function and what it yields are sent between processes: they consist of what `code_bundle.SPARK_WORKER` holds.
    """

    rows: DataFrame

    def __call__(
        self, columns: Sequence[str], function: Callable[[Iterator[pd.DataFrame]], Iterable[Found]]
    ) -> list[Found]:
        """Return all that the function yields, in the order of the partitions."""

        def run(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for found in function(batches):
                yield pd.DataFrame({"found": [pickle.dumps(found)]})

        told = self.rows.select(*columns).mapInPandas(run, "found binary").collect()
        return [pickle.loads(row["found"]) for row in told]  # noqa: S301 -- from our own workers

    def since(self, first: int) -> "SparkPasses":
        """Return passes over the rows from `first` on, UTC epoch seconds."""
        return SparkPasses(self.rows.where(F.col("bar_ts") >= first))


@dataclass(frozen=True)
class HeldPasses:
    """Give few rows, held in this process, to a function: a job of Spark takes longer than their sums."""

    rows: pd.DataFrame

    def __call__(
        self, columns: Sequence[str], function: Callable[[Iterator[pd.DataFrame]], Iterable[Found]]
    ) -> list[Found]:
        """Return all that the function yields."""
        wanted = self.rows[list(columns)]
        return list(function(wanted.iloc[at : at + BATCH] for at in range(0, len(wanted), BATCH)))

    def since(self, first: int) -> "HeldPasses":
        """Return passes over the rows from `first` on, UTC epoch seconds."""
        return HeldPasses(self.rows[self.rows["bar_ts"] >= first])


def passes(rows: DataFrame, columns: Sequence[str], n: int) -> SparkPasses | HeldPasses:
    """Return passes over rows, of which there are n, that read no other than these columns."""
    return SparkPasses(rows) if n > HELD else HeldPasses(rows.select(*columns).toPandas())
