"""Keep bars and forecasts in one partition a UTC day, and number the batches stored in the order of their commits.

A UTC day holds one session of an exchange; of one that trades over midnight UTC it holds the parts of two.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

# The keys of the advisory locks in here are named in stock_ml/adapters/postgres/locks.py.
# Made by whoever stores the first row of a day. ATTACH, unlike CREATE TABLE … PARTITION OF, lets others go on storing.
PARTITION_DAY = """
create function partition_day(parent text, day date) returns void language plpgsql as $$
declare
    partition text := parent || to_char(day, '_YYYYMMDD');
begin
    perform pg_advisory_xact_lock(7306);
    if to_regclass(partition) is not null then
        return;
    end if;
    execute format('create table %I (like %I including all)', partition, parent);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition,
                   day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
end $$
"""
BATCHES = """
create table batches (
    id bigint generated always as identity primary key,
    stored_at timestamptz not null default now(),
    first timestamptz not null,
    last timestamptz not null
)
"""
# The lock is held until the commit: who sees a batch has seen all with smaller ids. It is the last thing a transaction
# asks for, so that others wait for its commit alone.
BATCH_STORED = """
create function batch_stored(first timestamptz, last timestamptz) returns bigint language plpgsql as $$
declare
    number bigint;
begin
    perform pg_advisory_xact_lock(7307);
    insert into batches (first, last) values (batch_stored.first, batch_stored.last) returning id into number;
    perform pg_notify('stored', number::text);
    return number;
end $$
"""
OUTCOMES = """
create view outcomes as
select forecasts.*,
       bars.close as actual_close,
       bars.filled as actual_filled,
       not forecasts.late and forecasts.bar_ts > forecasts.trained_until as counts
from forecasts
join bars on bars.symbol = forecasts.symbol and bars.ts = forecasts.target_ts
"""


def upgrade() -> None:
    """Move the rows of both tables into partitions; not one changes."""
    op.execute(PARTITION_DAY)
    op.execute("drop view outcomes")
    _partition("bars", "ts", "symbol, ts")
    _partition("forecasts", "bar_ts", "symbol, bar_ts, horizon")
    op.execute(OUTCOMES)
    op.execute(BATCHES)
    op.execute(BATCH_STORED)


def _partition(table: str, time: str, key: str) -> None:
    op.drop_index(f"{table}_stored_at", table)
    op.execute(f"alter table {table} rename to {table}_before")
    op.execute(f"alter table {table}_before rename constraint {table}_pkey to {table}_before_pkey")
    like = f"like {table}_before including defaults including constraints"
    op.execute(f"create table {table} ({like}) partition by range ({time})")
    op.execute(f"alter table {table} add primary key ({key})")
    op.create_index(f"{table}_stored_at", table, ["stored_at", "symbol"])  # rows come in its order: it only grows
    days = f"select distinct ({time} at time zone 'UTC')::date as day from {table}_before"  # noqa: S608 - names of this file
    op.execute(f"select partition_day('{table}', day) from ({days}) as days")  # noqa: S608 - names of this file
    op.execute(f"insert into {table} select * from {table}_before")  # noqa: S608 - names of this file
    op.execute(f"drop table {table}_before")
