"""What `make up` wants to know of the source: which one is meant, and whether it gives bars."""

from collections.abc import Collection

from rich.console import Console

from stock_ml.adapters.postgres.request_quota import request_limiter
from stock_ml.config import PREFIX, Settings, variables
from stock_ml.doctor import source_access
from stock_ml.errors import BadSetting, BadSymbol, BurstLimit, DailyLimit, SourceError, UnknownSessions

PASSING = (BurstLimit, DailyLimit)  # a minute or a day later there are bars: Airflow and the producer wait for them
LAST_START = "start.json"  # of the last `make up` that ended well


def check_choice(s: Settings, before: Settings | None) -> None:
    """Raise BadSetting where a key that came or went would change the source of an installation, and nobody named one.

    `before` are the settings of the installation that was started last.
    """
    if before is None or before.source == s.source or f"{PREFIX}SOURCE" in variables():
        return
    if before.capabilities.metered or s.capabilities.metered:
        key = "set, which would make it" if s.capabilities.metered else "not set any more, which would make it"
        raise BadSetting(
            f"the installation here has source {before.source}. A key is {key} {s.source}: say which one you mean, "
            f"`make up SOURCE={before.source}` to go on with it, or `make up SOURCE={s.source}`"
        )


def was_started(s: Settings) -> bool:
    """Say whether a `make up` of this installation ended well before."""
    return (s.state / LAST_START).exists()


def ask_first(s: Settings, console: Console) -> None:
    """Ask the source of a new installation for bars, and print what it gives.

    Raises the error of `source_access.ask`: an installation without bars has nothing to show. One that was started
    before has, so it starts in any case, and `gives_bars` prints the fault.
    """
    if not s.live:
        _check_exchanges(s)
    elif not was_started(s):
        console.print(_first_answer(s), markup=False)


def gives_bars(s: Settings, known: Collection[str], console: Console) -> bool:
    """Say whether the source of an installation that has bars gives newer ones, and print why where it does not.

    It is asked for the symbols that are not `known`, or for the first one.
    """
    try:
        source_access.ask(s, known, request_limiter(s))
    except (SourceError, UnknownSessions) as error:
        console.print(f"{error}. What is stored is shown, and bars follow once the source gives them", markup=False)
        return isinstance(error, BadSymbol) and bool(known)  # the others go on
    return True


def _first_answer(s: Settings) -> str:
    try:
        return source_access.ask(s, try_push=True)
    except PASSING as error:
        return f"source {s.source} gives no bars now, and is asked again by itself: {error}"
    except (SourceError, UnknownSessions) as error:
        raise type(error)(f"{error}. Nothing was started; SOURCE=sandbox needs neither key nor network") from error


def _check_exchanges(s: Settings) -> None:
    if s.exchanges or s.closures or s.exchange != Settings.model_fields["exchange"].default:  # it takes seconds
        for symbol in s.symbols:
            s.calendars.of(symbol)
