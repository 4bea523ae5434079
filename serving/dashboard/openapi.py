"""Generate the OpenAPI document from the records that the views parse (queries.py) and return (responses.py)."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from serving.common.health import Readiness
from serving.dashboard.csv_export import HEAD
from serving.dashboard.queries import DataParameters, SpanParameters, StreamParameters, SymbolsParameters
from serving.dashboard.responses import Data, Error, Health, State, SymbolRows, Symbols, SymbolsWithCloses
from stock_ml import __version__

Json = dict[str, Any]
NONE: Mapping[str, str] = MappingProxyType({})
REFERENCE = "#/components/schemas/{name}"
STREAM = (
    "Server-sent events. `rows`: its id is a batch's, its data a list of SymbolRows. `state`: State, every three "
    "seconds. `anew`: load /data again, because the missed batches are not known any more. `trouble`: Error; the "
    "stream goes on when it is over. Delivery is at least once."
)


class Response(NamedTuple):
    """Describe a response: its body is JSON of one of some types, or text of another media type; or it has none."""

    description: str
    kinds: tuple[type, ...] = ()
    media: str = "application/json"
    headers: Mapping[str, str] = NONE


class Operation(NamedTuple):
    """Describe a GET request: responses by status, query parameters, and request headers with descriptions."""

    summary: str
    responses: Mapping[int, Response]
    query: type[Struct] | None = None
    headers: Mapping[str, str] = NONE


IF_NONE_MATCH = {"If-None-Match": "the ETag of an earlier response"}
LAST_EVENT_ID = {"Last-Event-ID": "the id of the last event received; it goes before `since`"}
ETAG = {"ETag": "weak: of all but ages and `next`"}
NOT_MODIFIED = {304: Response("apart from ages, it is what the client has")}
BAD_PARAMETER = {400: Response("a parameter cannot be used", (Error,))}
NO_SYMBOL = {404: Response("there is no such symbol", (Error,))}
UNAVAILABLE = {503: Response("PostgreSQL does not answer, or cannot compute with a stored row", (Error,))}
REFUSED = BAD_PARAMETER | NO_SYMBOL | UNAVAILABLE
SYMBOLS = "the symbols, cached for a second, or for ten times as long as they took to read; gzip if accepted"

OPERATIONS = {
    "/": Operation("The page", {200: Response("the page", (str,), "text/html")}),
    "/data": Operation(
        "Bars, forecasts and state of a symbol",
        {200: Response("the rows; gzip if accepted", (Data,), headers=ETAG)} | NOT_MODIFIED | REFUSED,
        DataParameters,
        IF_NONE_MATCH,
    ),
    "/data.csv": Operation(
        "The same bars and forecasts as a file, a line a minute",
        {200: Response(f"RFC 4180 with a header: {', '.join(HEAD)}", (str,), "text/csv")} | REFUSED,
        SpanParameters,
    ),
    "/stream": Operation(
        "What is committed, as it is committed",
        {200: Response(STREAM, (str,), "text/event-stream")} | REFUSED,
        StreamParameters,
        LAST_EVENT_ID,
    ),
    "/symbols": Operation(
        "The configured symbols, then those with recent bars, with price, change, forecast and skill",
        {200: Response(SYMBOLS, (Symbols, SymbolsWithCloses), headers=ETAG)}
        | NOT_MODIFIED
        | BAD_PARAMETER
        | UNAVAILABLE,
        SymbolsParameters,
        IF_NONE_MATCH,
    ),
    "/healthz": Operation("Whether the process is up", {200: Response("it is, even without PostgreSQL", (Health,))}),
    "/readyz": Operation(
        "Whether it can answer",
        {200: Response("it can", (Readiness,)), 503: Response("it waits for these", (Readiness,))},
    ),
    "/metrics": Operation("Metrics for Prometheus", {200: Response("the metrics", (str,), "text/plain")}),
    "/openapi.json": Operation("This description", {200: Response("an OpenAPI document", (dict[str, Any],))}),
}


@cache
def document() -> Json:
    """Return the OpenAPI document of the dashboard."""
    kinds = [kind for operation in OPERATIONS.values() for each in operation.responses.values() for kind in each.kinds]
    _, schemas = msgspec.json.schema_components([*kinds, SymbolRows, State], ref_template=REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stock_ml dashboard",
            "description": "Bars, forecasts and what serves them; read only. Times are epoch milliseconds, UTC.",
            "version": __version__,
        },
        "paths": {path: {"get": _operation(operation)} for path, operation in OPERATIONS.items()},
        "components": {"schemas": schemas},
    }


def _operation(operation: Operation) -> Json:
    responses = {str(status): _response(response) for status, response in operation.responses.items()}
    parameters = [*_query(operation.query), *map(_header, operation.headers.items())]
    return {"summary": operation.summary, "responses": responses} | ({"parameters": parameters} if parameters else {})


def _query(kind: type[Struct] | None) -> list[Json]:
    if kind is None:
        return []
    _, components = msgspec.json.schema_components([kind])
    record = components[kind.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in record["required"],
            "description": schema.pop("description"),
            "schema": schema,
        }
        for name, schema in record["properties"].items()
    ]


def _header(header: tuple[str, str]) -> Json:
    name, description = header
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _response(response: Response) -> Json:
    described: Json = {"description": response.description}
    if response.kinds:
        schemas, _ = msgspec.json.schema_components(response.kinds, ref_template=REFERENCE)
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
        described["content"] = {response.media: {"schema": schema}}
    if response.headers:
        described["headers"] = {
            name: {"schema": {"type": "string"}, "description": text} for name, text in response.headers.items()
        }
    return described
