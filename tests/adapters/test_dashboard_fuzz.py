"""Send the dashboard what its OpenAPI document allows and forbids: each response matches it, and none is a 500."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.dashboard.app import create_app
from stock_ml.adapters.postgres.store import BarRow, ForecastStore
from stock_ml.config import Settings
from tests.servers import tables

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PLAIN = {"Accept-Encoding": "identity"}  # schemathesis does not unpack what a WSGI application sends
EXAMPLES = 20  # a path


@pytest.fixture(scope="module")
def described(postgres: Settings) -> Iterator[schemathesis.schemas.BaseSchema]:
    tables(postgres)
    bar = BarRow("GOOGL", 1_709_303_400, 1.0, 2.0, 0.5, 100.0, 10.0, False, "sandbox", False)
    with closing(ForecastStore.connect(postgres)) as store:
        store.store([bar], [])
    app = create_app(postgres)
    yield schemathesis.openapi.from_wsgi("/openapi.json", app)
    app.extensions["dashboard"].reader.close()


# not /stream, whose answer never ends
QUESTIONS = [(path, mode) for path in ("/data", "/data.csv", "/symbols") for mode in GenerationMode]
QUESTIONS += [(path, GenerationMode.POSITIVE) for path in ("/healthz", "/readyz", "/metrics", "/")]


@pytest.mark.parametrize(("path", "mode"), QUESTIONS)
def test_any_request_is_answered_as_described(
    described: schemathesis.schemas.BaseSchema, path: str, mode: GenerationMode
) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path]["GET"].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers=PLAIN)

    ask()
