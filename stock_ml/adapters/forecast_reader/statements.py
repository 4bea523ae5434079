"""The statements. `recent` bounds those that look for the newest rows: older days are not even locked."""

NEWEST_BATCH = "select coalesce(max(id), 0) from batches"
# 0 is where a reader of an empty table stands; it has missed what was forgotten since
RUN = """
with missed as (
    select id, stored_at, first, last from batches where id > %(after)s order by id limit %(most)s
)
select %(after)s = 0 and coalesce((select min(id) from batches), 1) = 1
       or exists (select from batches where id = %(after)s),
       count(*)::int, coalesce(max(id), %(after)s), array_agg(stored_at), min(first), max(last)
from missed
"""
# the rows of batches carry the same stored_at, the start of their transaction; a later batch may have taken some over
CHANGED_BARS = """
select symbol, (extract(epoch from ts) * 1000)::bigint, open, high, low, close, volume, filled from bars
where stored_at = any(%(stored)s) and ts between %(first)s and %(last)s
  and (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
order by ts limit %(limit)s
"""
CHANGED_FORECASTS = """
select symbol, (extract(epoch from target_ts) * 1000)::bigint, predicted_close, lower_50, upper_50, lower_90, upper_90,
       model_version, (extract(epoch from bar_ts) * 1000)::bigint, late
from forecasts
where stored_at = any(%(stored)s) and bar_ts between %(first)s and %(last)s and horizon = %(horizon)s
  and (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
order by bar_ts limit %(limit)s
"""
BARS = """
select (extract(epoch from ts) * 1000)::bigint, open, high, low, close, volume, filled from bars
where symbol = %(symbol)s and ts >= to_timestamp(%(since)s / 1000.0) and ts < to_timestamp(%(until)s / 1000.0)
order by ts desc limit %(limit)s
"""
# the bounds on bar_ts are implied by those on target_ts (a horizon is at most an hour); the key can use them
FORECASTS = """
select (extract(epoch from target_ts) * 1000)::bigint, predicted_close, lower_50, upper_50, lower_90, upper_90,
       model_version, (extract(epoch from bar_ts) * 1000)::bigint, late
from forecasts
where symbol = %(symbol)s and horizon = %(horizon)s
  and target_ts >= to_timestamp(%(since)s / 1000.0) and target_ts < to_timestamp(%(until)s / 1000.0)
  and bar_ts >= to_timestamp(%(since)s / 1000.0) - interval '1 hour' and bar_ts < to_timestamp(%(until)s / 1000.0)
order by bar_ts desc limit %(limit)s
"""
# the newest session of the symbol; `gain` is how much nearer the model came than the last price did
SCORE = """
with newest as (
    select session from forecasts
    where symbol = %(symbol)s and horizon = %(horizon)s and bar_ts >= to_timestamp(%(recent)s / 1000.0)
    order by bar_ts desc limit 1
), errors as (
    select abs(predicted_close - actual_close) as model, abs(last_close - actual_close) as persistence,
           (actual_close between lower_90 and upper_90)::int as inside
    from outcomes join newest using (session)
    where symbol = %(symbol)s and horizon = %(horizon)s and counts and bar_ts >= to_timestamp(%(recent)s / 1000.0)
      and bar_ts >= session - interval '1 day' and bar_ts < session + interval '2 days'
)
select (select to_char(session, 'YYYY-MM-DD') from newest), count(*)::int, avg(model), avg(persistence),
       avg(persistence - model), stddev_samp(persistence - model), avg(inside)::float8
from errors
"""
SOURCE = "select source from installation"
LAST_BAR = """
select (extract(epoch from max(ts)) * 1000)::bigint from bars
where symbol = %(symbol)s and ts >= to_timestamp(%(recent)s / 1000.0)
"""
# from the catalogue alone: the start of the oldest of the newest days that have a partition, 0 where there is none
RECENT = """
with days as (
    select right(relname, 8) as day from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'bars'::regclass order by 1 desc limit %(days)s
)
select coalesce(extract(epoch from to_timestamp(min(day), 'YYYYMMDD')) * 1000, 0)::bigint from days
"""
EVER = "select exists (select from bars where symbol = %(symbol)s)"
SERVICES = "select service, state, extract(epoch from clock_timestamp() - updated_at)::float8 from service_state"
# steps from symbol to symbol along the key, where `select distinct` would read every bar
SYMBOLS = """
with recursive known as (
    (select symbol from bars where ts >= to_timestamp(%(recent)s / 1000.0) order by symbol limit 1)
    union all
    select (
        select symbol from bars where bars.symbol > known.symbol and ts >= to_timestamp(%(recent)s / 1000.0)
        order by symbol limit 1
    )
    from known where known.symbol is not null
)
select symbol from known where symbol is not null
"""
