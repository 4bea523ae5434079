"""All errors that a person may see, as one small tree. A message names what is wrong, where, and what to do."""

import re
from collections.abc import Mapping

UNAUTHENTICATED, FORBIDDEN = 401, 403  # as HTTP answers them
NAMED = 3  # symbols of a batch in its message; the log has all


def without_login(text: str) -> str:
    """Return a text without the user and password of any address in it."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


class StockMLError(Exception):
    """Base of all errors of the project. Every message leaves out the login of an address."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_login(message))


class BadInput(StockMLError):
    """Report input that cannot be used. Another try does not help, and what is stored stays as it is."""


class BadBars(BadInput):
    """Report bars that break a rule of the record."""


class BadQuality(BadInput):
    """Report bars that lack too many minutes, or have too many rows that were refused."""


class TooFewSymbols(StockMLError):
    """Report that too few symbols of a run are clean, so that no training starts for it."""


class BatchUnfinished(StockMLError):
    """Report a symbol of a batch whose turn did not come in time. The next try of the batch goes on there."""


class BatchFailed(StockMLError):
    """Report that symbols of a batch are not clean; `errors` has the error of each that was tried now."""

    def __init__(self, message: str = "", errors: Mapping[str, BaseException] | None = None) -> None:
        super().__init__(message)
        self.errors = dict(errors or {})

    @classmethod
    def of(cls, errors: Mapping[str, BaseException], symbols: int, before: int) -> "BatchFailed":
        """Return the error of a batch of so many symbols, `before` of which failed for good in earlier tries."""
        named = [f"{symbol}: {type(error).__name__}: {error}" for symbol, error in list(errors.items())[:NAMED]]
        more = [f"{len(errors) - NAMED} more"] if len(errors) > NAMED else []
        earlier = [f"{before} failed for good in an earlier try"] if before else []
        words = "; ".join([*named, *more, *earlier])
        return cls(f"{len(errors) + before} of {symbols} symbols are not clean, see the log. {words}", errors)


class BadFile(BadInput):
    """Report a file, or a source's answer, whose layout is not the expected one."""


class TooManyBadRows(BadFile):
    """Report a file of which more rows are no bars than STOCKML_MAXIMUM_REFUSED allows."""


class AmbiguousTimestamps(BadInput):
    """Report timestamps that do not tell whether they mark the start or the end of a bar."""


class AmbiguousReading(BadInput):
    """Report stamps of a file that can be read in two ways: in two time zones, or with day or month first."""


class BadMessage(BadInput):
    """Report a Kafka message that cannot be decoded."""


class BadSetting(BadInput):
    """Report a setting that cannot be used."""


class BadPlugin(BadSetting):
    """Report the plug-in of a source that cannot be used. Sources of other packages are not affected."""


class UnknownSessions(BadSetting):
    """Report a time outside of the sessions that the installed exchange calendars know."""


class UntrustedBackup(BadInput):
    """Report a backup that this installation did not sign. It is never restored."""


class OtherMarket(BadSetting):
    """Report that the simulated market is not the one that made the stored bars."""


class SourceError(StockMLError):
    """Report that a source of bars gave no bars."""


class BadKey(SourceError):
    """Report that the source rejects the API key. A task does not retry it; the producer asks again after minutes."""


class PremiumEndpoint(SourceError):
    """Report that the key's plan does not include the endpoint. Retried as BadKey is."""


class BlockedRegion(PremiumEndpoint):
    """Report that the source does not serve the country of this machine. Retried as BadKey is."""


class NoBars(SourceError):
    """Report that the source has no bars of a symbol for a time. Another try does not help."""


class BadSymbol(NoBars):
    """Report that the source does not know the symbol. Another try does not help."""


class BurstLimit(SourceError):
    """Report too many requests at once. The same request may succeed seconds later."""


class DailyLimit(SourceError):
    """Report that no requests are left for today. The same request may succeed the next day."""


class EmptyResponse(SourceError):
    """Report an answer without any content. The same request may succeed later."""


class InvalidResponse(SourceError):
    """Report an answer that is neither JSON nor CSV, or is cut off. The same request may succeed later."""


class TooLarge(SourceError):
    """Report an answer larger than any month of bars, before all of it is read. Another try does not help."""


class ContractBroken(SourceError):
    """Report a plug-in that raises or gives what no source may. The same request may succeed later."""


class SourceUnavailable(SourceError):
    """Report that the source is unreachable, or the connection broke. The same request may succeed later."""


class NoNetwork(SourceUnavailable):
    """Report that the source's host name does not resolve: there is no network, or the address is wrong."""


class ServerError(SourceUnavailable):
    """Report an internal error of the source. The same request may succeed later."""


class TimedOut(SourceUnavailable):
    """Report that the source did not answer in time. The same request may succeed later."""


class ModelError(StockMLError):
    """Report a model that cannot be made or served."""


class SparkLost(StockMLError):
    """Report that Spark ended before its work was done."""


class TooLittleHistory(ModelError):
    """Report that there are too few rows to train and evaluate a model."""


class SchemaMismatch(ModelError):
    """Report a model whose feature schema differs from this installation's."""


class ParityError(ModelError):
    """Report a light scorer whose forecasts differ from Spark's own."""


class Overtaken(ModelError):
    """Report that another training, or a person, changed the versions during a training, which is then discarded."""


class RegistryUnavailable(ModelError):
    """Report that MLflow is unreachable, or answers with an error. Another try may help."""


class RegistryRefused(RegistryUnavailable):
    """Report that MLflow rejects the login, or does not let this user do it. Another login helps, no other try."""

    @classmethod
    def met(cls, url: str, status: int) -> "RegistryRefused":
        """Return the error for an answer 401 (no such login) or 403 (not this user)."""
        problem = "rejects the login" if status == UNAUTHENTICATED else "does not let this user do that"
        settings = "STOCKML_MLFLOW_USERNAME and STOCKML_MLFLOW_PASSWORD"
        return cls(f"MLflow at {url} {problem} ({status}): see {settings}; `make up` sets those of its own server")


class StoreUnavailable(StockMLError):
    """Report that PostgreSQL or S3 is unreachable, or lacks what it should hold. Another try may help."""


class BadRows(StoreUnavailable):
    """Report that the database cannot compute with rows that it holds; what concerns other rows is not affected."""


class WrongSource(StoreUnavailable):
    """Report a database that holds the bars of another source."""

    @classmethod
    def met(cls, where: str, theirs: str, ours: str) -> "WrongSource":
        """Return the error for a database at `where` with bars of source `theirs`, where source `ours` uses it."""
        return cls(
            f"the database at {where} holds bars of source {theirs}, but this installation uses source {ours}: give "
            "each source a server of its own with STOCKML_POSTGRES_URL"
        )


class NewerTables(StoreUnavailable):
    """Refuse tables that a newer version of this project made."""


class BrokerUnavailable(StockMLError):
    """Report that Kafka is unreachable, or rejected a request. Another try may help."""


class BrokerRefused(StockMLError):
    """Report that Kafka rejected a message for good. The next start goes on from what the topic holds."""


class BrokerFatal(BrokerRefused):
    """Report that Kafka's client gave up for good: end, and connect anew at the next start."""


class HostError(StockMLError):
    """Report what this machine lacks: a program, a free port, room on a disk."""


class NewerServerData(HostError):
    """Refuse data that a newer version of a server made."""


class UpgradeFailed(HostError):
    """Report that an older server's data were not upgraded; they are as they were."""


class DiskFull(HostError):
    """Report that a disk has no room left."""
