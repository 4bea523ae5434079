"""Every error that a person may meet, as one small tree; each message names what, where, and what to do."""

import re


def without_login(text: str) -> str:
    """Return an address, or words with addresses in them, as they may be shown: without any user and password."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


class StockMLError(Exception):
    """Say what went wrong, where, and what to do; a login in an address is left out of every message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_login(message))


class BadInput(StockMLError):
    """Refuse what was given; what was stored stays as it was."""


class BadBars(BadInput):
    """Refuse bars that break a rule of the record."""


class BadQuality(BadInput):
    """Refuse a month with too few of its minutes, or too many rows that cannot be true."""


class TooFewSymbols(StockMLError):
    """Report that too few of a run's symbols are clean for a training to hear of it."""


class BadFile(BadInput):
    """Refuse a file or an answer that is not in the expected layout."""


class AmbiguousLabels(BadInput):
    """Refuse to guess whether stamps label a bar's start or its end."""


class BadMessage(BadInput):
    """Refuse a message on the topic that cannot be read."""


class BadSetting(BadInput):
    """Refuse a setting that cannot be used."""


class OtherMarket(BadSetting):
    """Refuse to go on in a simulated market that is not the one in which an installation's bars were made."""


class SourceError(StockMLError):
    """Report that a source of bars did not give bars."""


class BadKey(SourceError):
    """Report that the source refuses the key. Never retried."""


class PremiumEndpoint(SourceError):
    """Report that the source sells this to paying keys only. Never retried."""


class NoBars(SourceError):
    """Report that the source has no bars of a symbol and a time. Never retried."""


class BadSymbol(NoBars):
    """Report that the source does not know the symbol. Never retried."""


class BurstLimit(SourceError):
    """Report too many requests at once; the same call may go through seconds later."""


class DailyLimit(SourceError):
    """Report that the day's requests are spent."""


class EmptyAnswer(SourceError):
    """Report an answer that holds nothing at all."""


class NotAnAnswer(SourceError):
    """Report an answer that cannot be read as JSON or CSV."""


class TooLarge(SourceError):
    """Refuse an answer that is larger than any month of bars, before it is held whole. Never retried."""


class SourceUnavailable(SourceError):
    """Report that the source cannot be reached, or that the connection was lost; it may go through later."""


class NoNetwork(SourceUnavailable):
    """Report that the source's name cannot be resolved: no network, or a wrong address. Not tried again at once."""


class ServerError(SourceUnavailable):
    """Report that the source had an error of its own; it may go through later."""


class TimedOut(SourceUnavailable):
    """Report that the source took too long to answer; it may go through later."""


class ModelError(StockMLError):
    """Report that a model cannot be made or served."""


class SparkLost(StockMLError):
    """Report that Spark ended before its work was done."""


class TooLittleHistory(ModelError):
    """Report that there are not enough rows to train and to judge."""


class SchemaMismatch(ModelError):
    """Refuse a model whose feature schema differs from this kernel's."""


class ParityError(ModelError):
    """Refuse a light scorer that does not equal Spark's own prediction."""


class Overtaken(ModelError):
    """Report that another decision came while a training ran: what it decided on is not so any more."""


class RegistryUnavailable(ModelError):
    """Report that MLflow does not answer; it may later."""


class StoreUnavailable(StockMLError):
    """Report that the database or the object store does not answer, or lacks what it should hold; it may later."""


class BadRows(StoreUnavailable):
    """Report that the database cannot compute with rows that it holds; what concerns other rows is not affected."""


class WrongSource(StoreUnavailable):
    """Refuse a database that holds the bars of another source."""

    @classmethod
    def met(cls, where: str, theirs: str, ours: str) -> "WrongSource":
        """Return the error of a database at `where` that is of source `theirs`, while `ours` asks."""
        return cls(
            f"the database at {where} holds bars of source {theirs}, this installation is of {ours}: give each source "
            "a server of its own with STOCKML_POSTGRES_URL"
        )


class BrokerUnavailable(StockMLError):
    """Report that Kafka does not answer, or refuses what it was asked; it may not later."""


class BrokerRefused(StockMLError):
    """Report that Kafka refused a message for good: end, and go on at the next start from what the topic holds."""


class HostError(StockMLError):
    """Report what this machine lacks: a program, a port, disk."""


class NewerServerData(HostError):
    """Refuse data that a newer version of a server made."""


class UpgradeFailed(HostError):
    """Report that an older server's data could not be carried over to the new one; they are as they were."""


class DiskFull(HostError):
    """Report that a disk has no room for what is written."""
