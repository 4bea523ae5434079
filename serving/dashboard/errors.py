"""Turn what goes wrong into JSON that says what, and what to do."""

from flask import Flask
from werkzeug.exceptions import HTTPException

from serving.dashboard.queries import BadParameter
from stock_ml.errors import StoreUnavailable

Answer = tuple[dict[str, str], int]


def answer_trouble(app: Flask) -> None:
    """Answer 400 with the parameter's name, 503 where PostgreSQL is away, and JSON for every other error."""
    app.register_error_handler(BadParameter, _bad_parameter)
    app.register_error_handler(StoreUnavailable, _unavailable)
    app.register_error_handler(HTTPException, _other)


def _bad_parameter(error: BadParameter) -> Answer:
    return {"error": str(error), "parameter": error.parameter}, 400


def _unavailable(error: StoreUnavailable) -> Answer:
    return {"error": str(error)}, 503


def _other(error: HTTPException) -> Answer:
    return {"error": error.description or error.name}, error.code or 500
