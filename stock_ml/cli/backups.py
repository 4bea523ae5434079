"""`stockml backup` and `restore`: the three databases to S3, and back."""

import typer
from rich.console import Console

from stock_ml.cli.installation import settings

console = Console(highlight=False, soft_wrap=True)


def back_up() -> None:
    """Back the three databases up to S3, each dump read back; Airflow does so each night."""
    from stock_ml.maintenance import backup  # boto3 takes half a second, and the other commands have no use for it

    made = backup.back_up(settings())
    sizes = ", ".join(f"{part} {known['bytes']:,} bytes" for part, known in made["held"].items())
    console.print(f"backup {made['name']}: {sizes}")


def restore(name: str = typer.Argument(""), yes: bool = False) -> None:
    """Put a backup, by default the newest, in the place of the databases: nothing may be connected to them."""
    from stock_ml.maintenance import backup

    if not yes and not typer.confirm("Replace all that the three databases hold?"):
        console.print("nothing was changed")
        return
    console.print(f"restored {backup.restore(settings(), name)}; what was stored after it is not in it")
