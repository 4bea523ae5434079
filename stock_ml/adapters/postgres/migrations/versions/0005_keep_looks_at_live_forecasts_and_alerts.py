"""Keep what monitoring saw of the live forecasts, and the alerts that it raised; one is open at a time."""

from alembic import op

revision = "0005"
down_revision = "0004"

LOOKS = """
create table looks (
    id bigint generated always as identity primary key,
    market_at timestamptz not null,
    looked_at timestamptz not null default now(),
    model_version text not null,
    report jsonb not null
)
"""
ALERTS = """
create table alerts (
    id bigint generated always as identity primary key,
    kind text not null,
    reason text not null,
    model_version text not null,
    raised_at timestamptz not null default now(),
    market_at timestamptz not null,
    acted_on_at timestamptz
)
"""
ONE_OPEN = "create unique index one_open_alert on alerts ((true)) where acted_on_at is null"


def upgrade() -> None:
    """Make two tables."""
    for statement in (LOOKS, ALERTS, ONE_OPEN):
        op.execute(statement)
