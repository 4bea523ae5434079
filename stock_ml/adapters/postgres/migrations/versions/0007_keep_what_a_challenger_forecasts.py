"""Keep a challenger's forecasts apart from those that are served, and join them with their outcomes as well."""

from alembic import op

revision = "0007"
down_revision = "0006"

SHADOWS = """
create table shadow_forecasts (
    like forecasts including defaults including constraints,
    primary key (symbol, bar_ts, horizon, model_version)
) partition by range (bar_ts)
"""
DAYS = """
select partition_day('shadow_forecasts', to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD'))
from pg_inherits where inhparent = 'forecasts'::regclass
"""
OUTCOMES = """
create view shadow_outcomes as
select shadow_forecasts.*,
       bars.close as actual_close,
       bars.filled as actual_filled,
       not shadow_forecasts.late and shadow_forecasts.bar_ts > shadow_forecasts.trained_until as counts
from shadow_forecasts
join bars on bars.symbol = shadow_forecasts.symbol and bars.ts = shadow_forecasts.target_ts
"""


def upgrade() -> None:
    """Make the table with a partition for each day that forecasts have, and the view."""
    for statement in (SHADOWS, DAYS, OUTCOMES):
        op.execute(statement)
