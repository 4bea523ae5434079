"""Say of which source the bars are: simulated and real ones never share a database."""

from alembic import op

revision = "0004"
down_revision = "0003"

INSTALLATION = """
create table installation (
    source text not null,
    only_one boolean primary key default true check (only_one)
)
"""


def upgrade() -> None:
    """Make the table; where bars are stored already, they say it."""
    op.execute(INSTALLATION)
    op.execute("insert into installation (source) select source from bars limit 1")
