"""Read from PostgreSQL what the dashboard shows; nothing is ever written through it."""

from stock_ml.adapters.forecast_reader.listener import Listener
from stock_ml.adapters.forecast_reader.reader import ForecastReader
from stock_ml.adapters.forecast_reader.rows import Changes, Quote, Row, Run, Score, Service, Span, Watched

__all__ = [
    "Changes",
    "ForecastReader",
    "Listener",
    "Quote",
    "Row",
    "Run",
    "Score",
    "Service",
    "Span",
    "Watched",
]
