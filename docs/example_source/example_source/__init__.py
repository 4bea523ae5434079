"""Minute bars of a service, by REST and by a websocket: copy this package, and put your service in it."""

from collections.abc import Iterator, Sequence

import orjson
from pydantic import BaseModel, Field, SecretStr

from stock_ml.errors import BadKey
from stock_ml.sources.plugin import Capabilities, Connection, Opening, Row, Source, SourcePlugin


class ExampleSettings(BaseModel):
    """Become the variables STOCKML_EXAMPLE_REST_URL, _STREAM_URL and _KEY."""

    url: str = Field("https://bars.example/v1", description="address of the service")
    stream_url: str = Field("wss://stream.bars.example/v1", description="address of its live bars, a websocket")
    key: SecretStr | None = Field(None, description="your key")


def open_rest(given: Opening) -> Source:
    """Return the service; nothing is sent yet. Raises BadKey where no key is set."""
    from example_source.client import RestBars  # imported when it is opened, for settings are read often

    own = given.own(ExampleSettings)
    return RestBars(given.name, own.url, key_of(given, own), given.limiter)


def open_stream(given: Opening, symbols: Sequence[str]) -> Connection:
    """Return a connection that pushes bars of these symbols. Raises BadKey where no key is set, or it is refused."""
    from example_source.stream import PushedBars

    own = given.own(ExampleSettings)
    return PushedBars(given.name, own.stream_url, key_of(given, own), symbols)


def key_of(given: Opening, own: ExampleSettings) -> SecretStr:
    """Return the key. Raises BadKey where none is set."""
    if own.key is None:
        raise BadKey(f"source {given.name} needs STOCKML_EXAMPLE_REST_KEY, the key of your account")
    return own.key


def parse(body: bytes) -> Iterator[Row]:
    """Yield the rows of a response: the bar's open in UTC epoch seconds, open, high, low, close and volume."""
    for bar in orjson.loads(body)["bars"]:
        yield bar["t"], bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]


PLUGIN = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months", per_minute=60, closing=60, settles=3600, pushes=True),
    settings=ExampleSettings,
    open=open_rest,
    connect=open_stream,
    parse=parse,
)
