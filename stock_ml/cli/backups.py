"""`stockml backup`, `restore` and `sign-backup`: the three databases to S3, and back."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console

from stock_ml.cli.installation import settings

if TYPE_CHECKING:
    from stock_ml.adapters.lake.manifest import Manifest

console = Console(highlight=False, soft_wrap=True)


def back_up() -> None:
    """Back the three databases up to S3, each dump read back; Airflow does so each night."""
    from stock_ml.maintenance import backup  # boto3 takes half a second, and the other commands have no use for it

    made = backup.back_up(settings())
    console.print(f"backup {made['name']}: {_sizes(made['held'])}")


def sign(name: str, yes: bool = False) -> None:
    """Sign a backup that was made before backups were signed, so that it can be restored."""
    from stock_ml.maintenance import backup

    told = "Whoever could write to the data's bucket may have put it there or changed it."
    if not yes and not typer.confirm(f"{told} Do you know that backup {name} is yours?"):
        console.print("nothing was changed")
        return
    console.print(f"signed backup {name}: {_sizes(backup.sign(settings(), name)['held'])}")


def restore(name: str = typer.Argument(""), yes: bool = False) -> None:
    """Put a backup, by default the newest, in the place of the databases: nothing may be connected to them."""
    from stock_ml.maintenance import backup

    if not yes and not typer.confirm("Replace all that the three databases hold?"):
        console.print("nothing was changed")
        return
    s = settings()
    restored = backup.restore(s, name)
    console.print(f"restored {restored}; what was stored after it is not in it")
    console.print(f"{backup.rewind(s, restored):,} messages of the time since come again")


def _sizes(manifest: "Manifest") -> str:
    return ", ".join(f"{part} {known['bytes']:,} bytes" for part, known in manifest.items())
