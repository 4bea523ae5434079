"""Minute bars of a REST service as a source of stock_ml: copy this package, and put your service in it."""

from collections.abc import Iterator

import orjson
from pydantic import BaseModel, Field, SecretStr

from stock_ml.errors import BadKey
from stock_ml.sources.plugin import Capabilities, Opening, Row, Source, SourcePlugin


class ExampleSettings(BaseModel):
    """Become the variables STOCKML_EXAMPLE_REST_URL and STOCKML_EXAMPLE_REST_KEY."""

    url: str = Field("https://bars.example/v1", description="address of the service")
    key: SecretStr | None = Field(None, description="your key")


def connect(given: Opening) -> Source:
    """Return the service; nothing is sent yet. Raises BadKey where no key is set."""
    from example_source.client import RestBars  # imported when it is opened, for settings are read often

    own = given.own(ExampleSettings)
    if own.key is None:
        raise BadKey(f"source {given.name} needs STOCKML_EXAMPLE_REST_KEY, the key of your account")
    return RestBars(given.name, own.url, own.key, given.limiter)


def parse(body: bytes) -> Iterator[Row]:
    """Yield the rows of a response: the bar's open in UTC epoch seconds, open, high, low, close and volume."""
    for bar in orjson.loads(body)["bars"]:
        yield bar["t"], bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]


PLUGIN = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months", per_minute=60, closing=60, settles=3600),
    settings=ExampleSettings,
    open=connect,
    parse=parse,
)
