"""Bars, forecasts and what the services say of themselves, in PostgreSQL."""

from stock_ml.adapters.forecast_store.migrate import migrate
from stock_ml.adapters.forecast_store.reader import Reader
from stock_ml.adapters.forecast_store.rows import BarRow, ForecastRow
from stock_ml.adapters.forecast_store.store import ForecastStore

__all__ = ["BarRow", "ForecastRow", "ForecastStore", "Reader", "migrate"]
