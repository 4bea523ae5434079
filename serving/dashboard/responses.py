"""The bodies of the dashboard's responses. The views build these records, and openapi.py describes them.

Rows are plain tuples as psycopg returns them, because a response holds thousands. Fields are in the order of the JSON.
"""

from typing import Annotated, Literal

import orjson
from flask import Response, jsonify
from msgspec import UNSET, Meta, Struct, UnsetType, structs, to_builtins

Milliseconds = Annotated[int, Meta(description="Epoch milliseconds, UTC.")]
Seconds = Annotated[float, Meta(description="Seconds.")]
Price = Annotated[float | None, Meta(description="In price units.")]
Cursor = Annotated[str, Meta(pattern="^b[0-9]{1,16}$", description="Send it as `since` to get what is stored later.")]

BarRow = Annotated[
    tuple[
        Annotated[int, Meta(title="ts", description="When the minute begins, in epoch milliseconds, UTC.")],
        Annotated[float, Meta(title="open")],
        Annotated[float, Meta(title="high")],
        Annotated[float, Meta(title="low")],
        Annotated[float, Meta(title="close")],
        Annotated[float, Meta(title="volume")],
        Annotated[bool, Meta(title="filled", description="The source had no bar; the close before it is repeated.")],
        Annotated[bool, Meta(title="outlier", description="As received, and not used: its prices stand alone.")],
        Annotated[int, Meta(title="revision", description="How often the feed corrected it, 0 for as first shown.")],
    ],
    Meta(title="Bar", description="ts, open, high, low, close, volume, filled, outlier, revision"),
]
ForecastRow = Annotated[
    tuple[
        Annotated[int, Meta(title="target_ts", description="The minute forecast, in epoch milliseconds, UTC.")],
        Annotated[float, Meta(title="predicted", description="The close forecast.")],
        Annotated[float, Meta(title="lower_50")],
        Annotated[float, Meta(title="upper_50")],
        Annotated[float, Meta(title="lower_90")],
        Annotated[float, Meta(title="upper_90")],
        Annotated[str, Meta(title="model_version")],
        Annotated[int, Meta(title="bar_ts", description="The last bar used, in epoch milliseconds, UTC.")],
        Annotated[bool, Meta(title="late", description="It was made after its target was known.")],
    ],
    Meta(
        title="Forecast",
        description="target_ts, predicted, lower_50, upper_50, lower_90, upper_90, model_version, bar_ts, late",
    ),
]
Symbol = Annotated[str, Meta(title="symbol")]
Time = Annotated[int | None, Meta(title="ts", description="The newest bar, in epoch milliseconds, UTC.")]
Last = Annotated[float | None, Meta(title="last", description="The newest close, or the official one after it.")]
Change = Annotated[float | None, Meta(title="change", description="A share of the close of the day before.")]
Forecast = Annotated[float | None, Meta(title="forecast", description="The forecast made at the newest bar.")]
Skill = Annotated[float | None, Meta(title="skill", description="Of the day; null below 30 scored forecasts.")]
Official = Annotated[bool, Meta(title="official", description="`last` is the official close of the session.")]
Closes = Annotated[list[float], Meta(title="closes", description="The day's closes, a quarter of an hour apart.")]
QuoteRow = Annotated[
    tuple[Symbol, Time, Last, Change, Forecast, Skill, Official],
    Meta(title="Quote", description="symbol, ts, last, change, forecast, skill, official"),
]
QuoteWithClosesRow = Annotated[
    tuple[Symbol, Time, Last, Change, Forecast, Skill, Official, Closes],
    Meta(title="QuoteWithCloses", description="symbol, ts, last, change, forecast, skill, official, closes"),
]


class Record(Struct, forbid_unknown_fields=True):
    """A JSON object with these fields and no other."""


class Error(Record):
    """Why a request failed."""

    error: Annotated[str, Meta(description="What is wrong, and what to do.")]
    kind: Annotated[
        Literal["bad_parameter", "bad_rows", "store_unavailable", "http_error"],
        Meta(
            description="bad_parameter: `parameter` was refused. bad_rows: PostgreSQL cannot compute with stored rows. "
            "store_unavailable: PostgreSQL does not answer. http_error: any other error; see the status code."
        ),
    ]
    parameter: Annotated[str, Meta(description="The parameter that was refused.")] | UnsetType = UNSET


class SymbolRows(Record):
    """Bars and forecasts of one symbol, each ascending by time."""

    symbol: str
    bars: list[BarRow]
    forecasts: list[ForecastRow]


class ServiceStatus(Record):
    """What a service last reported of itself."""

    seen: Annotated[bool, Meta(description="It has reported at least once.")]
    age: Annotated[float | None, Meta(description="Seconds since its last report, by the wall clock.")]
    stale: Annotated[bool, Meta(description="Its last report is too old, or there is none.")]
    waiting: Annotated[str | None, Meta(description="What it waits for; null if nothing.")]
    lag: Annotated[int | None, Meta(description="Messages not processed yet.")]


class ServingModel(Record):
    """The model that makes the forecasts."""

    version: str
    trained_until: Milliseconds | None
    url: Annotated[str, Meta(description="Its run in MLflow.")]


class DagRun(Record):
    """The last run of a DAG."""

    id: Annotated[str, Meta(description="The DAG's id.")]
    state: Annotated[str, Meta(description="As Airflow names it; `no run yet` before the first run.")]
    url: Annotated[str, Meta(description="The run in Airflow.")]
    started_at: Milliseconds | None
    ended_at: Milliseconds | None


class OpenAlert(Record):
    """The alert of monitoring that no training has acted on yet."""

    kind: str
    reason: str
    model_version: str
    market_at: Milliseconds | None


class NewestReport(Record):
    """The newest report of monitoring."""

    model_version: str
    forecasts: Annotated[float | None, Meta(description="How many forecasts were scored.")]
    skill: float | None
    coverage_90: float | None
    unusual: Annotated[
        dict[str, float] | None,
        Meta(description="By feature, how far its drift (PSI) exceeds the worst of as many training sessions."),
    ]
    late: Annotated[float | None, Meta(description="Share of forecasts that were late, and so do not count.")]
    alarm: Annotated[str | None, Meta(description="Why that share is too large; null if it is not.")]
    market_at: Milliseconds | None


class LiveBars(Record):
    """How the live bars of a session differ from its settled ones."""

    session: Annotated[str, Meta(description="Its date, YYYY-MM-DD.")]
    compared: Annotated[int, Meta(description="Minutes that both have.")]
    missing_live: Annotated[int, Meta(description="Minutes that only the settled bars have.")]
    only_live: Annotated[int, Meta(description="Minutes that only the live bars have.")]
    differ: Annotated[float, Meta(description="Share of the compared minutes with another close.")]
    median_bp: Annotated[float | None, Meta(description="By how many basis points those differ; null for none.")]
    largest_bp: float | None
    corrected: Annotated[float, Meta(description="Share of live minutes that the feed corrected.")]


class SessionScore(Record):
    """The errors of a session's forecasts."""

    session: Annotated[str | None, Meta(description="Its date, YYYY-MM-DD.")]
    mae_model: Price
    mae_persistence: Price
    gain: Annotated[float | None, Meta(description="mae_persistence less mae_model.")]
    gain_deviation: Annotated[float | None, Meta(description="Standard deviation of the gain of one forecast.")]
    coverage_90: Annotated[float | None, Meta(description="Share of closes within the 90 % interval.")]
    coverage_50: Annotated[float | None, Meta(description="Share of closes within the 50 % interval.")]
    mae_bp: Annotated[float | None, Meta(description="Mean absolute error in basis points of log return.")]
    direction: Annotated[float | None, Meta(description="Share of right signs among `moved`.")]
    moved: Annotated[int, Meta(description="How many forecasts foresaw a move where the price moved.")]
    n: Annotated[int, Meta(description="How many forecasts were scored.")]
    skill: Annotated[float | None, Meta(description="1 - MAE of the model / MAE of persistence.")]


class PooledScore(SessionScore):
    """The errors of the forecasts of several sessions, scored at once."""

    sentence: Annotated[str, Meta(description="The result in plain English.")]


class SymbolScore(SessionScore):
    """The scores of a symbol: the newest session, and the sessions before it."""

    verdict: Literal["none", "early", "same", "worse", "luck", "better"]
    sentence: Annotated[str, Meta(description="The result in plain English.")]
    sessions: Annotated[list[SessionScore], Meta(description="The last five sessions, newest first.")]
    together: Annotated[PooledScore, Meta(description="All of these sessions.")]


class OfficialClose(Record):
    """The official close of a session: the price of its closing auction."""

    ts: Annotated[int, Meta(description="When the session closed, in epoch milliseconds, UTC.")]
    close: float


class State(Record):
    """The state of market, services, model, DAGs and monitoring, and of one symbol's scores."""

    now: Annotated[int | None, Meta(description="Time of the market in epoch milliseconds, UTC.")]
    market_open: bool | None
    next_change: Annotated[int | None, Meta(description="When it next opens or closes; epoch milliseconds, UTC.")]
    last_bar: Annotated[int | None, Meta(description="The newest bar of the symbol in epoch milliseconds, UTC.")]
    last_bar_age: Annotated[float | None, Meta(description="Seconds since the newest bar was known.")]
    official_close: Annotated[OfficialClose | None, Meta(description="After the newest bar; null if none is known.")]
    feed_delay: Annotated[
        int, Meta(description="Seconds by which the feed shows a bar late, of all exchanges the most.")
    ]
    request_interval: Annotated[
        int, Meta(description="Seconds between two requests for one symbol's bars, 0 where they are pushed.")
    ]
    producer: ServiceStatus
    consumer: ServiceStatus
    model: ServingModel | None
    dags: Annotated[list[DagRun], Meta(description="The last run of each DAG.")]
    alert: OpenAlert | None
    look: NewestReport | None
    live_bars: Annotated[LiveBars | None, Meta(description="Of the newest session that was compared; null for none.")]
    score: SymbolScore


class Body(Record):
    """A body with an ETag."""

    def without_ages(self) -> "Body":
        """Return the body without what changes by the passing of time alone: it makes no new ETag."""
        return self


class Data(Body):
    """Bars, forecasts and state of a symbol."""

    symbol: str
    simulated: Annotated[bool, Meta(description="The market is simulated.")]
    source: Annotated[str, Meta(description="Where the bars come from.")]
    whole: Annotated[
        bool,
        Meta(
            description="true: these rows replace all earlier ones. "
            "false: they are added; a row replaces one of the same time."
        ),
    ]
    bars: Annotated[list[BarRow], Meta(description="Ascending by ts.")]
    forecasts: Annotated[list[ForecastRow], Meta(description="Ascending by target_ts.")]
    state: State
    next: Cursor

    def without_ages(self) -> Body:
        """Return the body without the ages in its state, and without its cursor."""
        services = {name: structs.replace(getattr(self.state, name), age=None) for name in ("producer", "consumer")}
        return structs.replace(
            self, next="", state=structs.replace(self.state, now=None, last_bar_age=None, **services)
        )


class Symbols(Body):
    """The configured symbols, then the others with recent bars."""

    symbols: list[QuoteRow]


class SymbolsWithCloses(Body):
    """The requested symbols."""

    symbols: list[QuoteWithClosesRow]


class Health(Record):
    """Whether the process is up, and whether PostgreSQL answers."""

    status: Literal["up"]
    database: bool
    reason: Annotated[str, Meta(description="Why PostgreSQL does not answer.")] | UnsetType = UNSET


def encode(body: Struct | list[SymbolRows]) -> bytes:
    """Return a body as JSON. orjson writes long rows of floats faster than msgspec does."""
    return orjson.dumps(body, default=structs.asdict)


def json_response(body: Struct, status: int = 200) -> Response:
    """Return a small body as a response."""
    response = jsonify(to_builtins(body))
    response.status_code = status
    return response
