"""The sources that come with the project. A source's own module is imported when it is opened or asked."""

from typing import TYPE_CHECKING

from stock_ml.domain.capabilities import Capabilities
from stock_ml.sources.plugin import Opening, Source, SourcePlugin

if TYPE_CHECKING:
    from stock_ml.domain.calendar import Sessions


def _sandbox(given: Opening) -> Source:
    from stock_ml.sources.alpha_vantage import AlphaVantage

    return AlphaVantage.sandbox(given.settings)


def _alpha_vantage(given: Opening) -> Source:
    from stock_ml.sources.alpha_vantage import AlphaVantage

    return AlphaVantage.connect(given.settings, given.limiter)


def _yahoo(given: Opening) -> Source:
    from stock_ml.sources.yahoo import Yahoo

    return Yahoo.connect(given.settings, given.limiter)


def _yahoo_requests(month: str, sessions: "Sessions", now: float) -> int:
    from stock_ml.sources.yahoo import request_count

    return request_count(month, sessions, now)


def _csv(given: Opening) -> Source:
    from stock_ml.sources.csv_files import CsvFiles

    return CsvFiles.connect(given.settings)


SANDBOX = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months", simulated=True, adjustable=True, delayed=900),
    open=_sandbox,
)
ALPHA_VANTAGE = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months", metered=True, adjustable=True, delayed=900, closing=300, settles=3600),
    open=_alpha_vantage,
)
YAHOO = SourcePlugin(
    contract=1,
    # Yahoo blocks faster clients
    capabilities=Capabilities("rolling window", per_minute=60, closing=300, settles=3600),
    open=_yahoo,
    requests_for=_yahoo_requests,
)
CSV = SourcePlugin(contract=1, capabilities=Capabilities("file", closing=300), open=_csv)
