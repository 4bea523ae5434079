"""`python -m stock_ml.cli`: what `./stockml` runs, with the settings of the installation."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from stock_ml.cli import backups, data, doctor, models
from stock_ml.errors import StockMLError

app = typer.Typer(name="stockml", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("doctor")(doctor.doctor)
app.command("models")(models.models)
app.command("promote")(models.promote_version)
app.command("rollback")(models.roll_back)
app.command("backup")(backups.back_up)
app.command("restore")(backups.restore)
app.add_typer(data.app, name="data")


def main() -> int:
    """Run a command; what goes wrong is told in one line."""
    try:
        app()
    except StockMLError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]stopped:[/] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
