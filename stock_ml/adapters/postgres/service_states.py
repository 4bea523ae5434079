"""What the parts of an installation say of themselves, for who asks seldom: each call has a connection of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from psycopg.types.json import Jsonb

from stock_ml.adapters.postgres.connection import Database, ServiceState
from stock_ml.adapters.postgres.store.statements import READ_STATE, WRITE_STATE
from stock_ml.config import Settings

WATCHDOG = "watchdog"
TIMEOUT = 5  # seconds


class Restart(TypedDict):
    """Hold when the watchdog restarted a program, in UTC epoch seconds, and why."""

    at: float
    program: str
    reason: str


class WatchdogReport(TypedDict):
    """Hold the watchdog's newest restarts, and by name why something is silent now."""

    restarts: list[Restart]
    silent: dict[str, str]


@dataclass(frozen=True)
class ServiceStates:
    """Read and write states; every method raises StoreUnavailable, within seconds where PostgreSQL hangs."""

    database: Database

    @classmethod
    def connect(cls, s: Settings, name: str = "stockml watchdog") -> "ServiceStates":
        """Return the states of this installation; nothing is opened yet."""
        return cls(Database(s.postgres(), name, s.source, connect_timeout=TIMEOUT, silence=TIMEOUT))

    def ping(self) -> None:
        """See that PostgreSQL lets clients in and answers."""
        with self.database.connection() as connection:
            connection.execute("select 1")

    def read(self, service: str) -> ServiceState | None:
        """Return what a service last said of itself; None if it never did."""
        with self.database.connection() as connection:
            row = connection.execute(READ_STATE, {"service": service}).fetchone()
        return ServiceState(*row) if row else None

    def write(self, service: str, state: Mapping[str, object]) -> None:
        """Replace what a service says of itself."""
        with self.database.connection() as connection:
            connection.execute(WRITE_STATE, {"service": service, "state": Jsonb(dict(state))})
