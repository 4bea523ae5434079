"""Count an outcome whose minute is an outlier where later bars confirm its close, as after news."""

from alembic import op

revision = "0012"
down_revision = "0011"

# the rule of `domain.outliers.are_confirmed`; a function, as a subquery would make the planner take each bar for dear
CONFIRMED = """
create function is_confirmed(outlier_symbol text, outlier_ts timestamptz, outlier_close float8) returns boolean
language sql stable parallel safe cost 10 as $$
    select abs(ln(outlier_close / later.close)) <= 0.02
    from bars as later
    where later.symbol = outlier_symbol and later.ts > outlier_ts and later.ts <= outlier_ts + interval '15 minutes'
      and not later.outlier and not later.filled
    order by later.ts
    limit 1
$$
"""
VIEW = """
create view {view} as
select {table}.*,
       bars.close as actual_close,
       bars.filled as actual_filled,
       not {table}.late and {table}.bar_ts > {table}.trained_until as counts
from {table}
join bars on bars.symbol = {table}.symbol and bars.ts = {table}.target_ts
  and (not bars.outlier or is_confirmed(bars.symbol, bars.ts, bars.close))
"""


def upgrade() -> None:
    """Make the views of outcomes anew."""
    op.execute(CONFIRMED)
    for view, table in (("outcomes", "forecasts"), ("shadow_outcomes", "shadow_forecasts")):
        op.execute(f"drop view {view}")
        op.execute(VIEW.format(view=view, table=table))
