"""The generated document describes every address and parameter, and no other."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from serving.dashboard import queries
from serving.dashboard.app import create_app
from serving.dashboard.openapi import document
from stock_ml import __version__
from stock_ml.config import load

DOCUMENT = document()


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(load(home=tmp_path, source="sandbox", symbols=("GOOGL",)))


def parameter(path: str, name: str) -> dict[str, Any]:
    return next(p["schema"] for p in DOCUMENT["paths"][path]["get"]["parameters"] if p["name"] == name)


def test_it_names_every_address_and_no_other(app: Flask) -> None:
    assert set(DOCUMENT["paths"]) == {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"}


def test_what_is_served_has_the_version_of_the_package(app: Flask) -> None:
    served = app.test_client().get("/openapi.json").get_json()
    assert served["info"]["version"] == __version__
    assert served == DOCUMENT


def test_its_schemas_are_schemas() -> None:
    from jsonschema import Draft202012Validator  # it takes half a second, which each worker would pay

    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_parameter_and_record_is_explained() -> None:
    operations = [path["get"] for path in DOCUMENT["paths"].values()]
    parameters = [each for operation in operations for each in operation.get("parameters", [])]
    assert all(each["description"] for each in [*parameters, *DOCUMENT["components"]["schemas"].values()])


def test_its_bounds_are_those_of_the_parameters() -> None:
    limit, until = parameter("/data", "limit"), parameter("/data", "until")
    assert (limit["maximum"], limit["default"], until["maximum"]) == (queries.MOST, queries.LIMIT, queries.FOREVER)


def test_metrics_count_answers_by_page(app: Flask) -> None:
    app.test_client().get("/nowhere")
    figures = app.test_client().get("/metrics").text
    assert 'stockml_answers_total{page="none",status="404"} 1.0' in figures
    assert "stockml_viewers 0.0" in figures
