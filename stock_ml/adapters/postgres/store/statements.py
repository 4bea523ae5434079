"""The statements; what may be stored already is copied into temporary tables and merged from there, a batch at once."""

from collections.abc import Sequence

from stock_ml.adapters.postgres.store.rows import BARS, FORECASTS, REPLACED_BARS

STAGING = """
create temp table new_bars (
    symbol text, ts timestamptz, open float8, high float8, low float8, close float8, volume float8,
    filled boolean, source text, late boolean, outlier boolean, revision smallint
) on commit delete rows;
create temp table new_forecasts (
    symbol text, bar_ts timestamptz, horizon smallint, target_ts timestamptz, session date, last_close float8,
    predicted_close float8, lower_50 float8, upper_50 float8, lower_90 float8, upper_90 float8, lower_99 float8,
    upper_99 float8, model_version text, trained_until timestamptz, made_at timestamptz, late boolean,
    stretch_50 float4, stretch_90 float4, stretch_99 float4
) on commit delete rows;
create temp table new_shadow_forecasts (like new_forecasts) on commit delete rows;
create temp table new_replaced_bars (
    symbol text, ts timestamptz, revision smallint, open float8, high float8, low float8, close float8, volume float8,
    outlier boolean, late boolean
) on commit delete rows
"""
TABLES = ("bars", "forecasts", "shadow_forecasts", "replaced_bars")  # in the order of Rows
STAGES = tuple(f"new_{table}" for table in TABLES)
_BARS, _FORECASTS, _REPLACED = (", ".join(table.names or ()) for table in (BARS, FORECASTS, REPLACED_BARS))
# a version of a bar never changes, but for whether it is an outlier, which a bar before it may change; it gives way to
# a newer version, and is kept; a filled bar gives way to the bar that came late, or to a fill that knows of it
_MERGE_BARS = f"""
with replaced as (
    insert into replaced_bars ({_REPLACED}, stored_at)
    select stored.symbol, stored.ts, stored.revision, stored.open, stored.high, stored.low, stored.close,
           stored.volume, stored.outlier, false, stored.stored_at
    from new_bars as newer
    cross join lateral (select * from bars where symbol = newer.symbol and ts = newer.ts limit 1) as stored
    where newer.revision > 0 and newer.revision > stored.revision and not stored.filled
    on conflict do nothing
)
insert into bars ({_BARS})
select {_BARS} from new_bars order by symbol, ts
on conflict (symbol, ts) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, filled = excluded.filled, stored_at = now(), outlier = excluded.outlier,
    late = case when bars.filled then excluded.late else bars.late end, revision = excluded.revision
where bars.filled and (bars.close, bars.filled) is distinct from (excluded.close, excluded.filled)
   or bars.revision < excluded.revision
   or bars.outlier <> excluded.outlier
      and (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.filled, bars.revision)
        = (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.filled,
           excluded.revision)
"""  # noqa: S608 - names of this package's own columns
DELETE_UNFILLED = """
delete from bars using unnest(%(symbols)s::text[], %(seconds)s::bigint[]) as gone (symbol, second)
where bars.symbol = gone.symbol and bars.ts = to_timestamp(gone.second) and bars.filled
"""
_MERGE_FORECASTS = tuple(
    f"insert into {table} ({_FORECASTS}) select {_FORECASTS} from new_{table} order by symbol, bar_ts, horizon"  # noqa: S608 - names of this package's own columns
    " on conflict do nothing"
    for table in ("forecasts", "shadow_forecasts")
)
_MERGE_REPLACED = f"""
insert into replaced_bars ({_REPLACED}) select {_REPLACED} from new_replaced_bars order by symbol, ts, revision
on conflict do nothing
"""  # noqa: S608 - names of this package's own columns
MERGE = (_MERGE_BARS, *_MERGE_FORECASTS, _MERGE_REPLACED)
# of several for a session the one with the largest volume stays, and of those the newest: sources correct theirs
MERGE_CLOSES = """
insert into official_closes (symbol, session, ts, close, volume, source)
values (%(symbol)s, %(session)s, to_timestamp(%(ts)s), %(close)s, %(volume)s, %(source)s)
on conflict (symbol, ts) do update set
    close = excluded.close, volume = excluded.volume, source = excluded.source, stored_at = now()
where excluded.volume >= official_closes.volume
  and (excluded.volume, excluded.close) <> (official_closes.volume, official_closes.close)
"""
OFFICIAL_CLOSES = """
select symbol, extract(epoch from ts)::bigint as ts, close, volume, source from official_closes
where symbol = any(%(symbols)s) and ts >= to_timestamp(%(since)s) order by 1, 2
"""
PARTITIONS = """
select partition_day(parent, to_timestamp(second)::date)
from unnest(array['bars', 'forecasts', 'shadow_forecasts', 'replaced_bars']) as parent,
     unnest(%(seconds)s::bigint[]) as second
"""
BATCH_STORED = "select batch_stored(to_timestamp(%(first)s), to_timestamp(%(last)s))"
RECEIVED = """
with wanted as (
    select symbol, to_timestamp(before) as before
    from unnest(%(symbols)s::text[], %(before)s::bigint[]) as wanted (symbol, before)
), first as (
    select symbol, coalesce((
        select ts from bars where bars.symbol = wanted.symbol and bars.ts < wanted.before and not filled
        order by ts desc offset %(count)s - 1 limit 1
    ), '-infinity') as ts
    from wanted
)
select symbol, extract(epoch from bars.ts)::bigint as ts, open, high, low, close, volume, source, revision
from bars join first using (symbol)
where bars.ts >= first.ts and not filled
order by 1, 2
"""
# of many symbols, each by its place among them and no further back than asked; `oldest` keeps days out of the plan
NEWEST = """
select place::int, found.*
from unnest(%(symbols)s::text[], %(since)s::bigint[], %(before)s::bigint[])
    with ordinality as wanted (symbol, since, before, place)
cross join lateral (
    (
        select ts, open, high, low, close, volume, revision from bars
        where bars.symbol = wanted.symbol and not filled and ts >= to_timestamp(%(oldest)s)
          and ts >= to_timestamp(wanted.since) and ts < to_timestamp(wanted.before)
        order by ts desc limit %(count)s
    )
    union all
    select ts, open, high, low, close, volume, revision from bars
    where bars.symbol = wanted.symbol and not filled and ts >= to_timestamp(%(oldest)s)
      and ts >= to_timestamp(wanted.before)
) as found
"""
# the outcome by a subquery of its own: a join might read every day. It is the one that counted first: of the versions
# of a bar the first one that was known, though the view `outcomes` has the newest
NEWEST_FORECASTS = """
select place::int, bar_ts, target_ts, lower_50, upper_50, lower_90, upper_90, lower_99, upper_99,
       stretch_50, stretch_90, stretch_99,
       coalesce((
           select case when outlier then 'NaN' else close end from (
               select revision, close, outlier from replaced_bars
               where symbol = wanted.symbol and ts = newest.target_ts and not late
               union all
               select revision, close, outlier from bars where symbol = wanted.symbol and ts = newest.target_ts
           ) as versions order by revision limit 1
       ), 'NaN') as close
from unnest(%(symbols)s::text[]) with ordinality as wanted (symbol, place)
cross join lateral (
    select * from forecasts where symbol = wanted.symbol and horizon = %(horizon)s
    order by bar_ts desc limit %(horizon)s
) as newest
"""
WRITE_STATE = """
insert into service_state (service, state) values (%(service)s, %(state)s)
on conflict (service) do update set state = excluded.state, updated_at = now()
"""
# of members of a group each keeps its own word beside the others', until it is silent; the row tells of all together
WRITE_MEMBER = """
insert into service_state (service, state)
values (%(service)s, %(state)s::jsonb || jsonb_build_object('members', jsonb_build_object(
    %(member)s::text, %(state)s::jsonb || jsonb_build_object('at', extract(epoch from clock_timestamp()))
)))
on conflict (service) do update set updated_at = now(), state = excluded.state || (
    select jsonb_build_object('lag', sum((value ->> 'lag')::bigint), 'waiting', max(value ->> 'waiting'),
                              'members', jsonb_object_agg(key, value))
    from jsonb_each(coalesce(service_state.state -> 'members', '{}') || (excluded.state -> 'members'))
    where (value ->> 'at')::float8 > extract(epoch from clock_timestamp()) - %(expiry)s
)
"""
READ_STATE = """
select state, extract(epoch from clock_timestamp() - updated_at)::float8 from service_state where service = %(service)s
"""
NOW = "select extract(epoch from clock_timestamp())::float8"
TIMELY = "select exists (select from forecasts where stored_at > to_timestamp(%(since)s) and not late)"
COUNT_STORED = """
select (select count(*) from bars where symbol = any(%(symbols)s) and not filled
            and ts between to_timestamp(%(first)s) and to_timestamp(%(last)s)) as bars,
       (select count(*) from forecasts where symbol = any(%(symbols)s) and horizon = %(horizon)s and not late
            and bar_ts between to_timestamp(%(first)s) and to_timestamp(%(last)s)) as forecasts
"""
FORGET_SHADOWS = "delete from shadow_forecasts where symbol = any(%(symbols)s)"
FORGET_FORECASTS = "delete from forecasts where symbol = any(%(symbols)s)"
FORGET_REPLACED = "delete from replaced_bars where symbol = any(%(symbols)s)"
FORGET_CLOSES = "delete from official_closes where symbol = any(%(symbols)s)"
FORGET_BARS = "delete from bars where symbol = any(%(symbols)s)"


def copy_in(table: str, columns: Sequence[str]) -> str:
    """Return the statement that receives rows with these columns in this order."""
    return f"copy {table} ({', '.join(columns)}) from stdin (format binary)"


def copy_out(select: str, columns: Sequence[str]) -> str:
    """Return the statement that sends these columns of what `select` finds, in this order."""
    return f"copy (select {', '.join(columns)} from ({select}) as found) to stdout (format binary)"  # noqa: S608 - names of this package's own columns
