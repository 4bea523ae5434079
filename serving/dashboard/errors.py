"""Return every error as JSON that says what is wrong, and what to do."""

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from serving.dashboard.queries import BadParameter
from serving.dashboard.responses import Error, json_response
from stock_ml.errors import BadRows, StoreUnavailable


def register_error_handlers(app: Flask) -> None:
    """Return 400 with the parameter's name, 503 where PostgreSQL fails, and JSON for every other error."""
    app.register_error_handler(BadParameter, _bad_parameter)
    app.register_error_handler(StoreUnavailable, _store_unavailable)
    app.register_error_handler(HTTPException, _http_error)


def store_error(error: StoreUnavailable) -> Error:
    """Return the body for an error of the store: rows that cannot be read are not a database that does not answer."""
    return Error(str(error), "bad_rows" if isinstance(error, BadRows) else "store_unavailable")


def _bad_parameter(error: BadParameter) -> Response:
    return json_response(Error(str(error), "bad_parameter", error.parameter), 400)


def _store_unavailable(error: StoreUnavailable) -> Response:
    return json_response(store_error(error), 503)


def _http_error(error: HTTPException) -> Response:
    return json_response(Error(error.description or error.name, "http_error"), error.code or 500)
