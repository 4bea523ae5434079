"""The statements of `reader`. `recent` bounds those that look for the newest rows: older days are not even locked."""

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
select symbol, (extract(epoch from ts) * 1000)::bigint, open, high, low, close, volume, filled, outlier,
       revision
from bars
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
CHANGED_CLOSES = """
select symbol, (extract(epoch from ts) * 1000)::bigint, close from official_closes
where stored_at = any(%(stored)s) and ts between %(first)s and %(last)s
  and (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
order by ts limit %(limit)s
"""
BARS = """
select (extract(epoch from ts) * 1000)::bigint, open, high, low, close, volume, filled, outlier, revision
from bars
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
# `gain` is how much nearer the model came than the last price did
_FIGURES = """
select to_char(chosen.session, 'YYYY-MM-DD'), count(actual_close)::int, avg(abs(predicted_close - actual_close)),
       avg(abs(last_close - actual_close)),
       avg(abs(last_close - actual_close) - abs(predicted_close - actual_close)),
       stddev_samp(abs(last_close - actual_close) - abs(predicted_close - actual_close)),
       avg((actual_close between lower_90 and upper_90)::int)::float8,
       avg((actual_close between lower_50 and upper_50)::int)::float8,
       avg(abs(ln(predicted_close / actual_close))) * 1e4,
       avg((sign(predicted_close - last_close) = sign(actual_close - last_close))::int)
           filter (where predicted_close <> last_close and actual_close <> last_close)::float8,
       count(*) filter (where predicted_close <> last_close and actual_close <> last_close)::int
from chosen left join lateral (
    select * from outcomes
    where symbol = %(symbol)s and horizon = %(horizon)s and counts and outcomes.session = chosen.session
      and bar_ts >= to_timestamp(%(recent)s / 1000.0)
      and bar_ts >= chosen.session - interval '1 day' and bar_ts < chosen.session + interval '2 days'
) as counted on true
group by chosen.session order by chosen.session desc
"""
SCORE = f"""
with chosen as (
    select session from forecasts
    where symbol = %(symbol)s and horizon = %(horizon)s and bar_ts >= to_timestamp(%(recent)s / 1000.0)
    order by bar_ts desc limit 1
)
{_FIGURES}
"""  # noqa: S608 - a part of this file
EARLIER = f"""
with chosen as (
    select distinct session from forecasts
    where symbol = %(symbol)s and horizon = %(horizon)s and bar_ts >= to_timestamp(%(recent)s / 1000.0)
      and session < %(before)s::date
    order by session desc limit %(sessions)s
)
{_FIGURES}
"""  # noqa: S608 - a part of this file
MONITORING = """
select (select json_build_object('kind', kind, 'reason', reason, 'model_version', model_version,
                                 'market_at', (extract(epoch from market_at) * 1000)::bigint)
        from alerts where acted_on_at is null order by id desc limit 1),
       (select json_build_object('model_version', model_version, 'forecasts', report -> 'forecasts',
                                 'skill', report -> 'skill', 'coverage_90', report -> 'coverage_90',
                                 'unusual', report -> 'unusual', 'late', report -> 'late', 'alarm', report -> 'alarm',
                                 'market_at', (extract(epoch from market_at) * 1000)::bigint)
        from looks order by id desc limit 1)
"""
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
# of a symbol whose newest bar is at a time
OFFICIAL_CLOSE = """
select (extract(epoch from ts) * 1000)::bigint, close from official_closes
where symbol = %(symbol)s and ts > to_timestamp(%(after)s / 1000.0) order by ts desc limit 1
"""
# by key alone, however many bars there are: the newest bar, the close of the day before, the newest forecast; an
# official close counts before the last bar's
QUOTES = """
select asked.symbol, (extract(epoch from last.ts) * 1000)::bigint, coalesce(official.close, last.close),
       coalesce(settled.close, before.close), ahead.predicted_close, official.close is not null
from unnest(%(symbols)s::text[]) with ordinality as asked (symbol, place)
left join lateral (
    select ts, close from bars where symbol = asked.symbol and ts >= to_timestamp(%(recent)s / 1000.0) and not outlier
    order by ts desc limit 1
) as last on true
left join lateral (
    select ts, close from bars where symbol = asked.symbol and ts >= to_timestamp(%(recent)s / 1000.0) and not outlier
      and ts < date_trunc('day', last.ts at time zone %(zone)s) at time zone %(zone)s
    order by ts desc limit 1
) as before on true
left join lateral (
    select close from official_closes where symbol = asked.symbol and ts > last.ts order by ts desc limit 1
) as official on true
left join lateral (
    select close from official_closes where symbol = asked.symbol and ts > before.ts and ts <= last.ts
    order by ts desc limit 1
) as settled on true
left join lateral (
    select predicted_close from forecasts
    where symbol = asked.symbol and horizon = %(horizon)s and bar_ts >= last.ts
    order by bar_ts desc limit 1
) as ahead on true
order by asked.place
"""
SKILLS = """
select symbol, 1 - avg(abs(predicted_close - actual_close)) / nullif(avg(abs(last_close - actual_close)), 0)
from outcomes
where symbol = any(%(symbols)s) and horizon = %(horizon)s and counts and bar_ts >= to_timestamp(%(since)s / 1000.0)
group by symbol having count(*) >= %(enough)s
"""
SPARKS = """
select symbol, array_agg(close order by ts) from (
    select distinct on (symbol, date_bin('15 minutes', ts, 'epoch')) symbol, ts, close from bars
    where symbol = any(%(symbols)s) and ts >= to_timestamp(%(since)s / 1000.0) and not outlier
    order by symbol, date_bin('15 minutes', ts, 'epoch'), ts desc
) as ends
group by symbol
"""
