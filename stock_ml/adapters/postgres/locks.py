"""PostgreSQL's advisory locks: their keys, and a lock by name across processes and machines.

Processes of two releases exclude each other by these numbers: no number ever changes.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from stock_ml.adapters.postgres.connection import Database
from stock_ml.config import Settings

# keys of one 64-bit number
MIGRATION = 7305  # until commit: one process migrates
PARTITION = 7306  # until commit: one process creates a day's partitions; function partition_day of migration 0006
BATCH = 7307  # until commit: batches are numbered in the order of their commits; function batch_stored of 0006
# seeds: a key is the hash of a name with one of these, far from the numbers above
QUOTA_SEED = 7306  # name: the fingerprint of a source's key
NAME_SEED = 7307  # name: of `exclusive_lock`

LOCK = "select pg_advisory_lock(hashtextextended(%s, %s))"


@contextmanager
def exclusive_lock(s: Settings, name: str) -> Iterator[None]:
    """Hold the lock of this name for the block; wait until no other process holds it.

    PostgreSQL releases the lock when the block or the process ends. Raises StoreUnavailable where PostgreSQL does not
    answer.
    """
    database = Database(s.postgres(), "stockml lock", options="", silence=None)
    with database.translate_errors():
        connection = database.open()
        connection.execute(LOCK, [f"{s.source} {name}", NAME_SEED])
    with closing(connection):
        yield
