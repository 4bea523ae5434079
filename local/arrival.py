"""Wait for the first forecast of a bar that arrived after the start, or say why there will be none now."""

import time
from datetime import UTC, datetime

import psycopg
from rich.console import Console

from stock_ml.config import Settings
from stock_ml.errors import HostError

SECONDS = 120
FORECAST = "select 1 from forecasts where stored_at > %s and not late limit 1"
PRODUCER = "select state from service_state where service = 'producer' and updated_at > now() - interval '15 s'"


def await_forecast(s: Settings, console: Console) -> None:
    """Return when a timely forecast was stored since the call, or when it is known that none will come now.

    Raises HostError where neither comes.
    """
    begun = time.monotonic()
    since = datetime.now(UTC)
    with psycopg.connect(s.postgres("stockml"), autocommit=True) as connection:
        while time.monotonic() - begun < SECONDS:
            if connection.execute(FORECAST, [since]).fetchone():
                return
            said = _said(connection)
            if said:
                console.print(said)
                return
            time.sleep(0.2)
    raise HostError(f"no forecast within {SECONDS} s: see `make logs NAME=producer` and `make logs NAME=consumer`")


def _said(connection: psycopg.Connection) -> str | None:
    row = connection.execute(PRODUCER).fetchone()
    state = row[0] if row else {}
    if state.get("replay") == "over":
        return "the replay is over: every bar of it was forecast"
    if state and not state.get("market_open", True) and not state.get("simulated"):
        opens = datetime.fromtimestamp(state["next_change"], UTC)
        return f"market closed until {opens:%Y-%m-%d %H:%M} UTC: forecasts begin then"
    return None
