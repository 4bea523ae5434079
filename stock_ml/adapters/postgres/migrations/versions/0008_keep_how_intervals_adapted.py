"""Keep with each forecast how its intervals had adapted by then: the stream goes on from there after a restart."""

from alembic import op

revision = "0008"
down_revision = "0007"

STRETCHES = ", ".join(f"add column stretch_{level} real not null default 0" for level in (50, 90, 99))


def upgrade() -> None:
    """Add three columns to both tables of forecasts, and so to their partitions; older rows are as calibrated."""
    for table in ("forecasts", "shadow_forecasts"):
        op.execute(f"alter table {table} {STRETCHES}")
