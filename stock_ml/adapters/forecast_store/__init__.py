"""Write bars, forecasts and what the services say of themselves to PostgreSQL."""

from stock_ml.adapters.forecast_store.migrate import migrate
from stock_ml.adapters.forecast_store.rows import BARS, FORECASTS, NUMBERS, BarRow, ForecastRow, Rows
from stock_ml.adapters.forecast_store.store import RECEIVED, ForecastStore, Stored

__all__ = [
    "BARS",
    "FORECASTS",
    "NUMBERS",
    "RECEIVED",
    "BarRow",
    "ForecastRow",
    "ForecastStore",
    "Rows",
    "Stored",
    "migrate",
]
