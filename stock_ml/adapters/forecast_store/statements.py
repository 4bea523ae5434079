"""The statements; rows are copied into temporary tables and merged from there: one statement a batch, not one a row."""

SOURCE = "select source from installation"
STAGING = """
create temp table new_bars (
    symbol text, ts bigint, open float8, high float8, low float8, close float8, volume float8,
    filled boolean, source text, late boolean
) on commit delete rows;
create temp table new_forecasts (
    symbol text, bar_ts bigint, horizon smallint, target_ts bigint, session date, last_close float8,
    predicted_close float8, lower_50 float8, upper_50 float8, lower_90 float8, upper_90 float8, lower_99 float8,
    upper_99 float8, model_version text, trained_until float8, made_at float8, late boolean
) on commit delete rows
"""
COPY_BARS = "copy new_bars from stdin"
COPY_FORECASTS = "copy new_forecasts from stdin"
# a received bar never changes; a filled one gives way to the bar that came late, or to a fill that knows of it
MERGE_BARS = """
insert into bars (symbol, ts, open, high, low, close, volume, filled, source, late)
select symbol, to_timestamp(ts), open, high, low, close, volume, filled, source, late from new_bars order by 1, 2
on conflict (symbol, ts) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, filled = excluded.filled, late = excluded.late, stored_at = now()
where bars.filled and (bars.close, bars.filled) is distinct from (excluded.close, excluded.filled)
"""
MERGE_FORECASTS = """
insert into forecasts (symbol, bar_ts, horizon, target_ts, session, last_close, predicted_close, lower_50, upper_50,
    lower_90, upper_90, lower_99, upper_99, model_version, trained_until, made_at, late)
select symbol, to_timestamp(bar_ts), horizon, to_timestamp(target_ts), session, last_close, predicted_close, lower_50,
    upper_50, lower_90, upper_90, lower_99, upper_99, model_version, to_timestamp(trained_until),
    to_timestamp(made_at), late
from new_forecasts order by 1, 2, 3
on conflict do nothing
"""
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
select symbol, extract(epoch from bars.ts)::bigint, open, high, low, close, volume, source
from bars join first using (symbol)
where bars.ts >= first.ts and not filled
order by 1, 2
"""
WRITE_STATE = """
insert into service_state (service, state) values (%(service)s, %(state)s)
on conflict (service) do update set state = excluded.state, updated_at = now()
"""
READ_STATE = """
select state, extract(epoch from clock_timestamp() - updated_at)::float8 from service_state where service = %(service)s
"""
NOW = "select extract(epoch from clock_timestamp())::float8"
TIMELY = "select exists (select from forecasts where stored_at > to_timestamp(%(since)s) and not late)"
HELD = """
select (select count(*) from bars where symbol = any(%(symbols)s) and not filled
            and ts between to_timestamp(%(first)s) and to_timestamp(%(last)s)),
       (select count(*) from forecasts where symbol = any(%(symbols)s) and horizon = %(horizon)s and not late
            and bar_ts between to_timestamp(%(first)s) and to_timestamp(%(last)s))
"""
FORGET_FORECASTS = "delete from forecasts where symbol = any(%(symbols)s)"
FORGET_BARS = "delete from bars where symbol = any(%(symbols)s)"
