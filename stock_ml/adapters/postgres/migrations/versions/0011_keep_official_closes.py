"""Keep the official close of each session: the price of its closing auction, which is no minute."""

from alembic import op

revision = "0011"
down_revision = "0010"

# one row a symbol and session: it needs no partitions, and stays when old days move to S3
OFFICIAL_CLOSES = """
create table official_closes (
    symbol text not null,
    session date not null,
    ts timestamptz not null,
    close double precision not null,
    volume double precision not null,
    source text not null,
    stored_at timestamptz not null default now(),
    primary key (symbol, ts)
)
"""


def upgrade() -> None:
    """Make the table, and find the closes of a batch by their time."""
    op.execute(OFFICIAL_CLOSES)
    op.create_index("official_closes_ts", "official_closes", ["ts"])
