"""Write bars, forecasts and what the services say of themselves to PostgreSQL; watch over what was forecast."""

from stock_ml.adapters.forecast_store.migrate import migrate
from stock_ml.adapters.forecast_store.old_days import TABLES, OldDays
from stock_ml.adapters.forecast_store.rows import (
    BARS,
    FORECASTS,
    NUMBERS,
    STRETCHES,
    BarRow,
    Coming,
    ForecastRow,
    Rows,
    Table,
)
from stock_ml.adapters.forecast_store.store import FORETOLD, RECEIVED, Around, ForecastStore, Stored
from stock_ml.adapters.forecast_store.watch import Watch

__all__ = [
    "BARS",
    "FORECASTS",
    "FORETOLD",
    "NUMBERS",
    "RECEIVED",
    "STRETCHES",
    "TABLES",
    "Around",
    "BarRow",
    "Coming",
    "ForecastRow",
    "ForecastStore",
    "OldDays",
    "Rows",
    "Stored",
    "Table",
    "Watch",
    "migrate",
]
