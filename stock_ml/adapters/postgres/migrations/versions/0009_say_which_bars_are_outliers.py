"""Say which bars are outliers: they stay as received, and no forecast has its outcome in one."""

from alembic import op

revision = "0009"
down_revision = "0008"

VIEW = """
create view {view} as
select {table}.*,
       bars.close as actual_close,
       bars.filled as actual_filled,
       not {table}.late and {table}.bar_ts > {table}.trained_until as counts
from {table}
join bars on bars.symbol = {table}.symbol and bars.ts = {table}.target_ts and not bars.outlier
"""


def upgrade() -> None:
    """Add a column to bars, and so to their partitions, and look for outcomes in the other ones."""
    op.execute("alter table bars add column outlier boolean not null default false")
    for view, table in (("outcomes", "forecasts"), ("shadow_outcomes", "shadow_forecasts")):
        op.execute(f"drop view {view}")
        op.execute(VIEW.format(view=view, table=table))
