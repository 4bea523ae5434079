"""Read from PostgreSQL what the dashboard shows; nothing is ever written through it."""

from stock_ml.adapters.postgres.reader.listener import Listener
from stock_ml.adapters.postgres.reader.reader import ForecastReader
from stock_ml.adapters.postgres.reader.rows import Changes, Quote, Row, Run, Score, Service, Span, Watched

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
