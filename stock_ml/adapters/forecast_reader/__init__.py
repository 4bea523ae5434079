"""Read from PostgreSQL what the dashboard shows; nothing is ever written through it."""

from stock_ml.adapters.forecast_reader.reader import ForecastReader
from stock_ml.adapters.forecast_reader.rows import Row, Score, Service, Span

__all__ = ["ForecastReader", "Row", "Score", "Service", "Span"]
