"""Number the revisions of a bar, and keep the versions that newer ones replaced."""

from alembic import op

revision = "0010"
down_revision = "0009"

# `late`: a newer version was known before it, so that nothing was ever made of it
REPLACED = """
create table replaced_bars (
    symbol text not null,
    ts timestamptz not null,
    revision smallint not null,
    open double precision not null,
    high double precision not null,
    low double precision not null,
    close double precision not null,
    volume double precision not null,
    outlier boolean not null,
    late boolean not null,
    stored_at timestamptz not null default now(),
    primary key (symbol, ts, revision)
) partition by range (ts)
"""
DAYS = """
select partition_day('replaced_bars', to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD'))
from pg_inherits where inhparent = 'bars'::regclass
"""


def upgrade() -> None:
    """Add a column to bars, and so to their partitions, and make a table with a partition for each of their days."""
    op.execute("alter table bars add column revision smallint not null default 0")
    op.execute(REPLACED)
    op.execute(DAYS)
