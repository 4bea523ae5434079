"""The commands of `stockml`."""

import typer

from stock_ml import __version__
from stock_ml.cli import backups, data, doctor, models, sources


def _show_version(show: bool) -> None:
    if show:
        typer.echo(f"stock_ml {__version__}")
        raise typer.Exit


app = typer.Typer(name="stockml", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("doctor")(doctor.doctor)
app.command("sources")(sources.sources)
app.command("models")(models.models)
app.command("promote")(models.promote_version)
app.command("rollback")(models.roll_back)
app.command("backup")(backups.back_up)
app.command("restore")(backups.restore)
app.command("sign-backup")(backups.sign)
app.add_typer(data.app, name="data")


@app.callback()
def main(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Check an installation, its data and its models; settings come from the environment and `.env`."""
