"""Put a backup in the place of an installation's databases while nothing else of it runs."""

import typer
from rich.console import Console

from local.secrets import ensure_secrets, with_secrets
from local.servers import postgres_roles
from local.supervisor.supervisor import Supervisor
from stock_ml.config import Settings

NEEDED = ("postgres", "s3")


def restore(s: Settings, name: str, console: Console, *, sure: bool) -> None:
    """Stop all but the servers that hold data, restore a backup, by default the newest, and say how to go on.

    Raises StoreUnavailable where PostgreSQL or S3 does not answer, or the backup is damaged, and UntrustedBackup
    before anything is stopped, where this installation did not sign it.
    """
    from stock_ml.maintenance import backup  # the other commands have no use for what it brings along

    if not sure and not typer.confirm(f"Replace all that the databases of source {s.source} hold?"):
        console.print("nothing was changed")
        return
    given = with_secrets(s, ensure_secrets(s))
    name = backup.check_trusted(given, name)
    supervisor = Supervisor(s)
    supervisor.stop_programs(*(p["name"] for p in supervisor.processes() if p["name"] not in NEEDED))
    if given.postgres_url is None:
        postgres_roles.ensure_roles(given)  # a database that is missing gets its owner again
    restored = backup.restore(given, name)
    console.print(
        f"restored {restored}; what was stored after it is not in it. `make up` goes on from there, and after it "
        "`make replay FROM=YYYY-MM-DD` publishes the bars since a day again"
    )
