"""Write bars, forecasts and what the services say of themselves to PostgreSQL."""

from stock_ml.adapters.forecast_store.migrate import migrate
from stock_ml.adapters.forecast_store.rows import BarRow, ForecastRow
from stock_ml.adapters.forecast_store.store import ForecastStore, Stored

__all__ = ["BarRow", "ForecastRow", "ForecastStore", "Stored", "migrate"]
