"""A pass over rows: a function runs where the rows are, and only what it returns comes to the driver."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import pandas as pd
from pyspark.sql import DataFrame

Found = TypeVar("Found")


def collect(
    rows: DataFrame, columns: Sequence[str], function: Callable[[Iterator[pd.DataFrame]], Iterable[Found]]
) -> list[Found]:
    """Give each partition's rows to a function, as frames of these columns, and return all that it yields.

    The function and what it yields are sent between processes: they consist of what `code_bundle.SPARK_WORKER` holds.
    The order is that of the partitions.
    """

    def run(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for found in function(batches):
            yield pd.DataFrame({"found": [pickle.dumps(found)]})

    told = rows.select(*columns).mapInPandas(run, "found binary").collect()
    return [pickle.loads(row["found"]) for row in told]  # noqa: S301 -- from our own workers
