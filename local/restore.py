"""Put a backup in the place of an installation's databases while nothing else of it runs."""

import typer
from rich.console import Console

from local.secrets import ensure_secrets, with_secrets
from local.servers import postgres_roles
from local.supervisor.supervisor import Supervisor
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

NEEDED = ("postgres", "s3", "kafka")


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
    console.print(f"restored {restored}. {_rewound(given, restored)}. `make up` goes on from there")


def _rewound(s: Settings, name: str) -> str:
    """Let the bars since a backup come again, and say so."""
    from stock_ml.maintenance import backup  # the other commands have no use for what it brings along

    try:
        return f"{backup.rewind(s, name):,} messages of the time since come again, those that Kafka still holds"
    except BrokerUnavailable as error:
        again = f"`make up`, then `make restore NAME={name}` brings them"
        return f"The bars since then are not in it, as Kafka is away ({error}): {again}"
