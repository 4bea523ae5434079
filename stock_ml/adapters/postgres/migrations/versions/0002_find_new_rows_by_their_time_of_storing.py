"""Find a symbol's rows by their time of storing, as the page asks each second for what is new."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make an index on each of the two tables that the page reads."""
    for table in ("bars", "forecasts"):
        op.create_index(f"{table}_stored_at", table, ["symbol", "stored_at"])
