"""The requests spent with a key, by minute and day: one ledger for all tasks and services of an installation."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from stock_ml.config import Settings
from stock_ml.domain.request_budget import Budget, day_of
from stock_ml.errors import DailyLimit, StoreUnavailable

Open = psycopg.Connection[Any]
OPTIONS = "-c statement_timeout=30000 -c timezone=UTC"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended(%(key)s, 7306))"
NEWEST = """
select extract(epoch from clock_timestamp())::float8,
       (select extract(epoch from newest)::float8 from requests_spent where key = %(key)s order by minute desc limit 1)
"""
SPENT = "select coalesce(sum(requests), 0)::int from requests_spent where key = %(key)s and day = %(day)s"
SPEND = """
insert into requests_spent (key, minute, day, requests, newest)
values (%(key)s, date_trunc('minute', to_timestamp(%(slot)s)), %(day)s, 1, to_timestamp(%(slot)s))
on conflict (key, minute) do update set requests = requests_spent.requests + 1, newest = excluded.newest
"""


@dataclass(frozen=True)
class RequestLedger:
    """Give each request its moment; the clock is PostgreSQL's, for processes may run on several machines.

    Every method raises StoreUnavailable where PostgreSQL does not answer or lacks the table.
    """

    conninfo: str
    key: str  # the fingerprint of a key, never the key
    budget: Budget
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def connect(cls, s: Settings) -> "RequestLedger":
        """Return the ledger of the settings' key; nothing is sent yet."""
        secret = s.alphavantage_api_key.get_secret_value() if s.alphavantage_api_key else ""
        return cls(s.postgres(), fingerprint(secret), Budget(s.requests_per_minute, s.requests_per_day))

    def spend(self) -> None:
        """Return when a request may go; it counts from then on, whatever becomes of it.

        Raises DailyLimit where the day's requests are spent.
        """
        self.sleep(self.reserve())

    def reserve(self) -> float:
        """Count one request and return how many seconds it must wait for its moment. Raises DailyLimit."""
        with self._transaction() as connection:
            connection.execute(ONE_AT_A_TIME, {"key": self.key})
            now, newest = connection.execute(NEWEST, {"key": self.key}).fetchall()[0]
            slot = self.budget.slot(newest, now)
            if not self.budget.allows(self._spent(connection, slot)):
                raise DailyLimit(
                    f"all {self.budget.per_day} requests of {day_of(slot)} in New York are spent; "
                    "STOCKML_REQUESTS_PER_DAY is what your plan has"
                )
            connection.execute(SPEND, {"key": self.key, "day": day_of(slot), "slot": slot})
        return float(slot - now)

    def spent_today(self) -> int:
        """Return how many requests were made on the source's day."""
        with self._transaction() as connection:
            now, _ = connection.execute(NEWEST, {"key": self.key}).fetchall()[0]
            return self._spent(connection, now)

    def _spent(self, connection: Open, at: float) -> int:
        return int(connection.execute(SPENT, {"key": self.key, "day": day_of(at)}).fetchall()[0][0])

    @contextmanager
    def _transaction(self) -> Iterator[Open]:
        given: dict[str, Any] = {"connect_timeout": 5, "options": OPTIONS, "application_name": "stockml ledger"}
        try:
            with psycopg.connect(self.conninfo, **given) as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
            raise StoreUnavailable(
                f"PostgreSQL at {self._where()} does not answer, or lacks the ledger of requests: see that it runs "
                "(make status); `make up` makes its tables"
            ) from error

    def _where(self) -> str:
        known = conninfo_to_dict(self.conninfo)  # the password stays out
        return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"


def spender(s: Settings) -> Callable[[], None]:
    """Return what to call before each request: the ledger where the source counts them, else nothing."""
    return RequestLedger.connect(s).spend if s.capabilities.metered else _free


def fingerprint(key: str) -> str:
    """Return a name for a key that does not tell it."""
    return hashlib.blake2b(key.encode(), digest_size=16, key=b"stock_ml ledger of requests").hexdigest()


def _free() -> None:
    """Spend nothing."""
