"""Make the tables of bars, forecasts and the services' state, and the view that joins a forecast with its outcome."""

from alembic import op

revision = "0001"
down_revision = None

BARS = """
create table bars (
    symbol text not null,
    ts timestamptz not null,
    open double precision not null,
    high double precision not null,
    low double precision not null,
    close double precision not null,
    volume double precision not null,
    filled boolean not null,
    source text not null,
    late boolean not null,
    stored_at timestamptz not null default now(),
    primary key (symbol, ts)
)
"""
FORECASTS = """
create table forecasts (
    symbol text not null,
    bar_ts timestamptz not null,
    horizon smallint not null,
    target_ts timestamptz not null,
    session date not null,
    last_close double precision not null,
    predicted_close double precision not null,
    lower_50 double precision not null,
    upper_50 double precision not null,
    lower_90 double precision not null,
    upper_90 double precision not null,
    lower_99 double precision not null,
    upper_99 double precision not null,
    model_version text not null,
    trained_until timestamptz not null,
    made_at timestamptz not null,
    late boolean not null,
    stored_at timestamptz not null default now(),
    primary key (symbol, bar_ts, horizon),
    check (target_ts > bar_ts)
)
"""
STATE = """
create table service_state (
    service text primary key,
    state jsonb not null,
    updated_at timestamptz not null default now()
)
"""
# `counts` keeps out of every score what was known before the forecast: a late one, and one inside the training data
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
    """Make three tables and a view."""
    for statement in (BARS, FORECASTS, STATE, OUTCOMES):
        op.execute(statement)
