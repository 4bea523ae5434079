"""The requests made with a source's key, by minute and day: one quota for all tasks and services that use the key."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stock_ml.adapters.postgres.connection import Database, PgConnection
from stock_ml.adapters.postgres.locks import QUOTA_SEED
from stock_ml.config import Settings
from stock_ml.domain.request_budget import Budget, day_of
from stock_ml.errors import DailyLimit

LOCK = "select pg_advisory_xact_lock(hashtextextended(%(key)s, %(seed)s))"
NEWEST = """
select extract(epoch from clock_timestamp())::float8,
       (select extract(epoch from newest)::float8 from requests_spent where key = %(key)s order by minute desc limit 1)
"""
USED = "select coalesce(sum(requests), 0)::int from requests_spent where key = %(key)s and day = %(day)s"
COUNT = """
insert into requests_spent (key, minute, day, requests, newest)
values (%(key)s, date_trunc('minute', to_timestamp(%(slot)s)), %(day)s, 1, to_timestamp(%(slot)s))
on conflict (key, minute) do update set requests = requests_spent.requests + 1, newest = excluded.newest
"""


@dataclass(frozen=True)
class RequestQuota:
    """Give each request its moment. The clock is PostgreSQL's, as processes may run on several machines.

    Every method raises StoreUnavailable where PostgreSQL does not answer or lacks the table.
    """

    database: Database
    key: str  # the fingerprint of a key, never the key
    budget: Budget
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def connect(cls, s: Settings) -> "RequestQuota":
        """Return the quota of the settings' key, or of a source without one; nothing is sent yet."""
        secret = s.alphavantage_api_key.get_secret_value() if s.alphavantage_api_key else ""
        name = secret if s.capabilities.metered else f"source {s.source}"
        return cls(Database(s.postgres(), "stockml quota"), fingerprint(name), request_budget(s))

    def acquire(self) -> None:
        """Count one request, and return when it may go. Raises DailyLimit where the day's quota is used."""
        self.sleep(self.reserve())

    def reserve(self) -> float:
        """Count one request, whatever becomes of it, and return in how many seconds it may go. Raises DailyLimit."""
        with self._transaction() as connection:
            connection.execute(LOCK, {"key": self.key, "seed": QUOTA_SEED})
            now, newest = connection.execute(NEWEST, {"key": self.key}).fetchall()[0]
            slot = self.budget.slot(newest, now)
            if not self.budget.allows(self._used(connection, slot)):
                raise DailyLimit(
                    f"all {self.budget.per_day} requests of {day_of(slot)} in New York are used; "
                    "STOCKML_REQUESTS_PER_DAY is what your plan has"
                )
            connection.execute(COUNT, {"key": self.key, "day": day_of(slot), "slot": slot})
        return float(slot - now)

    def used_today(self) -> int:
        """Return how many requests were made on the source's day."""
        with self._transaction() as connection:
            now, _ = connection.execute(NEWEST, {"key": self.key}).fetchall()[0]
            return self._used(connection, now)

    def _used(self, connection: PgConnection, at: float) -> int:
        return int(connection.execute(USED, {"key": self.key, "day": day_of(at)}).fetchall()[0][0])

    @contextmanager
    def _transaction(self) -> Iterator[PgConnection]:
        with self.database.connection() as connection, connection.transaction():
            yield connection


def request_budget(s: Settings) -> Budget:
    """Return how many requests the source answers a minute and a day."""
    if s.capabilities.metered:
        return Budget(s.requests_per_minute, s.requests_per_day)
    return Budget(s.capabilities.per_minute)


def request_limiter(s: Settings) -> Callable[[], None]:
    """Return what to call before each request: it waits for the quota where the source has one."""
    return RequestQuota.connect(s).acquire if request_budget(s) != Budget() else lambda: None


def fingerprint(key: str) -> str:
    """Return a name for a key that does not reveal it."""
    # the text of `key=` is part of what is stored: it stays
    return hashlib.blake2b(key.encode(), digest_size=16, key=b"stock_ml ledger of requests").hexdigest()
