"""Give pandas frames of the installation that runs: bars, features, forecasts, folds and quality reports.

    import stock_ml.research as r

    r.bars("GOOGL", first="2024-03-01")

The installation is the one that the command `stockml` means: the last one that `make up` started in `STOCKML_HOME`
(`.stockml` in the working folder by default), or the servers that the settings name. Nothing is changed: S3 and MLflow
are read, and PostgreSQL and MLflow are opened by users that only read.

Every function takes `symbols`, one or several, all of the installation by default, and the sessions `first` to `last`,
both included, as YYYY-MM-DD or as dates. A session has the date that its exchange gives it. Times are in UTC,
`datetime64[ns, UTC]`; `.dt.tz_convert("America/New_York")` shows them in an exchange's own time. `session` is
`datetime64[ns]` without a zone. Prices are in the currency of the symbol.

Each raises HostError where nothing was ever started, StoreUnavailable or RegistryUnavailable where a server does not
answer, and BadInput where a day cannot be read.
"""

import io
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Literal

from stock_ml.cli.installation import last as last_installation
from stock_ml.cli.installation import settings
from stock_ml.config import DATABASES, Settings
from stock_ml.errors import HostError, ModelError

if TYPE_CHECKING:  # a notebook waits for pandas and the servers' clients when it first asks for something
    import pandas as pd

    from stock_ml.cleaning.clean_bars import SessionSpan
    from stock_ml.domain.ingest_records import QualityReport
    from stock_ml.model.feature_schema import FeatureSchema

    Reports = Mapping[tuple[str, str], QualityReport]

Symbols = str | Iterable[str] | None
Day = str | date | None
MINUTES = ("received", "filled", "minutes")
COUNTS = (
    *("rows_read", "kept", "extended_hours", "duplicates", "no_trade", "filled", "silent_minutes"),
    "feed_gap_minutes",
)
SHARES = ("coverage", "feed_coverage", "refused_share")


def bars(symbols: Symbols = None, first: Day = None, last: Day = None) -> "pd.DataFrame":
    """Return the clean one-minute bars of the lake, by symbol and time.

    | column | meaning |
    |---|---|
    | symbol, session, ts | `ts` is the bar's open in UTC; it is known 60 s later |
    | open, high, low, close | prices |
    | volume | shares, or what the source counts |
    | filled | no trade was received: a flat bar at the close before, volume 0 |
    | source | sandbox bars are simulated |
    | official_close | price of the closing auction, in the last bar of its session, else NaN |
    """
    from stock_ml.cleaning.clean_bars import clean_bars

    s = _installation()
    found = clean_bars(s, _named(symbols, s), _span(first, last))
    return found[["symbol", "session", *(name for name in found if name not in ("symbol", "session"))]]


def forecasts(symbols: Symbols = None, first: Day = None, last: Day = None) -> "pd.DataFrame":
    """Return the champion's live forecasts with their outcomes, by symbol and time, from the view `outcomes`.

    A forecast is there once its minute has come. Sessions older than `STOCKML_KEEP_SESSIONS` are in S3, below archive/.

    | column | meaning |
    |---|---|
    | symbol, session, bar_ts, target_ts | forecast of the close of `target_ts` from the bar of `bar_ts`, opens in UTC |
    | horizon | minutes between the two |
    | last_close, predicted_close, actual_close | prices; `last_close` is what persistence forecasts |
    | lower_50, upper_50, … 90, … 99 | prices, the bounds of intervals that should hold 50, 90 and 99 % of the closes |
    | model_version, trained_until | the version in MLflow, and when its newest target was known, UTC |
    | made_at, late | wall or replayed time of the forecast, UTC; `late` where the outcome was known by then |
    | actual_filled | nobody traded in the target's minute |
    | counts | neither late nor of a bar that was trained on: only these belong in a score |
    """
    from stock_ml.adapters.postgres.outcomes import read_outcomes

    s, span = _installation(), _span(first, last)
    return read_outcomes(s, _named(symbols, s), span.first, span.last)


def features(symbols: Symbols = None, first: Day = None, last: Day = None) -> "pd.DataFrame":
    """Return the features that models see, and the target, one row for each bar that a forecast can be made from.

    The kernel is the one of training and of the live consumer (`stock_ml.model.features`, which defines each feature),
    with the window, horizon and gaps of the installation.

    | column | meaning |
    |---|---|
    | symbol, session, bar_ts | the newest bar of the window, its open in UTC |
    | last_close | its close, a price |
    | target | log return from `last_close` to the close `horizon` minutes later, NaN where that is not known |
    | return_1 … level_loose | the features, log returns or pure numbers |
    """
    import pandas as pd

    from stock_ml.adapters.lake import Lake
    from stock_ml.model.features import schema

    s, span = _installation(), _span(first, last)
    described = schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    # windows reach back, and later bars confirm outliers
    read = Lake.connect(s).read_clean(_named(symbols, s), span.months(before=1, after=1))
    tables = [_features(part, s, described) for _, part in read.groupby("symbol")]
    if not tables:
        return pd.DataFrame(columns=["symbol", "session", "bar_ts", "last_close", "target", *described["names"]])
    found = pd.concat(tables)
    return found[span.holds(found["session"])].reset_index(drop=True)


def folds() -> "pd.DataFrame":
    """Return the walk-forward evaluation of the champion's training, as MLflow keeps it.

    | column | meaning |
    |---|---|
    | kind | the candidate: persistence, linear, huber … |
    | fold | "0" is the oldest; "all" is over all of them |
    | symbol | "all" is over all symbols |
    | rows | forecasts out of sample |
    | mae, rmse | errors in price; mae_bp, rmse_bp in basis points of log return |
    | skill | 1 - mae_bp / mae_bp of persistence: above 0 is better |
    | direction, direction_error | share of right signs where a move was forecast and came, and its binomial error |
    | coverage_50 …, width_50_bp … | share of closes in each interval, and its mean width; NaN in the first fold |
    | last_price | share of rows in which the last price was served instead |

    Raises ModelError where there is no champion, or its run was deleted.
    """
    import pandas as pd

    from stock_ml.adapters.mlflow import rest

    s = _installation()
    champion = rest.champion(s)
    if champion is None:
        raise ModelError("there is no champion yet: `make up` trains one, and `stockml models` lists the versions")
    table = rest.artifact(s, champion.run_id, "folds.csv")
    if table is None:
        raise ModelError(f"the run of version {champion.version} holds no folds.csv: see it in MLflow at {s.mlflow}")
    return pd.read_csv(io.StringIO(table), dtype={"kind": "object", "fold": "object", "symbol": "object"})


def quality(
    symbols: Symbols = None, first: Day = None, last: Day = None, by: Literal["month", "session"] = "month"
) -> "pd.DataFrame":
    """Return what cleaning reports of each symbol's months, or by session, in order of time.

    | column, by month | meaning |
    |---|---|
    | symbol, month | the month as its first day, datetime64[ns] |
    | rows_read, kept, extended_hours, duplicates, no_trade | rows of the source's answers, and what became of them |
    | refused, refused_share | rows that broke a rule, and their share |
    | filled, silent_minutes, feed_gap_minutes | minutes without a bar: filled, quiet, and missing in the feed |
    | coverage, feed_coverage | share of due minutes received, and share outside feed gaps; NaN where none is complete |

    | column, by session | meaning |
    |---|---|
    | symbol, session | |
    | received, filled, minutes | bars received, minutes filled, minutes due |
    | coverage | received / minutes |
    """
    import pandas as pd

    s, span = _installation(), _span(first, last)
    reports = _reports(s, _named(symbols, s), span)
    if by == "month":
        return pd.DataFrame([_month(*at, report) for at, report in reports.items()], columns=_month_columns())
    table = _sessions(reports)
    return table[span.holds(table["session"])].reset_index(drop=True)


def _installation() -> Settings:
    """Return the settings of the installation that runs, as the role that only reads where there is one."""
    s = settings()
    if last_installation() is None and s.s3_url is None:
        raise HostError(
            f"nothing was ever started in {s.home.resolve()}: run `make up`, or set STOCKML_HOME to the folder "
            "`.stockml` of an installation"
        )
    owners = ["postgres_password", *(f"postgres_{name}_password" for name in DATABASES)]
    unused = [
        *(owners if s.postgres_reader_password else ()),
        *(["mlflow_password"] if s.mlflow_reader_password else []),
    ]
    return s.model_copy(update=dict.fromkeys(unused))


def _named(symbols: Symbols, s: Settings) -> list[str]:
    given = s.symbols if symbols is None else [symbols] if isinstance(symbols, str) else symbols
    return sorted({symbol.upper() for symbol in given})


def _span(first: Day, last: Day) -> "SessionSpan":
    from stock_ml.cleaning.clean_bars import SessionSpan

    return SessionSpan.of(first, last)


def _features(bars: "pd.DataFrame", s: Settings, described: "FeatureSchema") -> "pd.DataFrame":
    import pandas as pd

    from stock_ml.model.features import table_of_bars

    symbol = str(bars["symbol"].iloc[0])
    table = table_of_bars(bars, s.calendars.of(symbol), described, s.feed_gap_minutes)
    times = pd.to_datetime(table["bar_ts"], unit="s", utc=True).astype("datetime64[ns, UTC]")
    typed = table.assign(bar_ts=times, session=pd.to_datetime(table["session"]).astype("datetime64[ns]"))
    typed.insert(0, "symbol", symbol)
    return typed[["symbol", "session", "bar_ts", *typed.columns[3:]]]


def _reports(s: Settings, symbols: list[str], span: "SessionSpan") -> "Reports":
    from stock_ml.adapters.lake import Lake

    lake, (since, until) = Lake.connect(s), span.months()
    months = [(symbol, month) for symbol in symbols for month in lake.clean_months(symbol) if since <= month <= until]
    return {at: report for at in months if (report := lake.read_quality(*at))}


def _month(symbol: str, month: str, report: "QualityReport") -> dict[str, object]:
    import pandas as pd

    known: Mapping[str, object] = report  # reports of before lack some
    counts = {name: known.get(name, 0) for name in COUNTS} | {"refused": sum(report["refused"].values())}
    shares = {name: float("nan") if known.get(name) is None else known[name] for name in SHARES}
    return {"symbol": symbol, "month": pd.Timestamp(f"{month}-01"), **counts, **shares}


def _month_columns() -> list[str]:
    return ["symbol", "month", *COUNTS, "refused", *SHARES]


def _sessions(reports: "Reports") -> "pd.DataFrame":
    import pandas as pd

    rows = [
        (symbol, day, *(counts[name] for name in MINUTES))  # type: ignore[literal-required]
        for (symbol, _), report in reports.items()
        for day, counts in sorted(report["sessions"].items())
    ]
    table = pd.DataFrame(rows, columns=["symbol", "session", *MINUTES])
    dated = table.assign(session=pd.to_datetime(table["session"]).astype("datetime64[ns]"))
    return dated.assign(coverage=dated["received"] / dated["minutes"])
