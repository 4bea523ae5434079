"""The keys of advisory locks: processes of two releases exclude each other only by the same numbers."""

from stock_ml.adapters.postgres import locks
from stock_ml.adapters.postgres.migrate import MIGRATIONS


def test_no_key_ever_changes() -> None:
    assert (locks.MIGRATION, locks.PARTITION, locks.BATCH) == (7305, 7306, 7307)
    assert (locks.QUOTA_SEED, locks.NAME_SEED) == (7306, 7307)


def test_the_functions_of_the_migration_take_the_named_locks() -> None:
    (migration,) = (MIGRATIONS / "versions").glob("0006_*.py")
    text = migration.read_text()
    assert all(f"pg_advisory_xact_lock({key})" in text for key in (locks.PARTITION, locks.BATCH))
