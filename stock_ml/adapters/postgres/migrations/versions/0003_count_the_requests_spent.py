"""Make the ledger of requests spent by key, minute and day."""

from alembic import op

revision = "0003"
down_revision = "0002"

LEDGER = """
create table requests_spent (
    key text not null,
    minute timestamptz not null,
    day date not null,
    requests integer not null,
    newest timestamptz not null,
    primary key (key, minute)
)
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(LEDGER)
    op.create_index("requests_spent_day", "requests_spent", ["key", "day"])
