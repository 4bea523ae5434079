"""Write bars, forecasts and what the services say of themselves to PostgreSQL; watch over what was forecast."""

from stock_ml.adapters.postgres.store.migrate import migrate
from stock_ml.adapters.postgres.store.monitoring_store import Watch
from stock_ml.adapters.postgres.store.retention import TABLES, OldDays
from stock_ml.adapters.postgres.store.rows import (
    BARS,
    FORECASTS,
    NUMBERS,
    STORED_BARS,
    STORED_FORECASTS,
    BarRow,
    ForecastRow,
    Forecasts,
    Rows,
    Table,
    table,
)
from stock_ml.adapters.postgres.store.store import Around, ForecastStore, Stored, Writing

__all__ = [
    "BARS",
    "FORECASTS",
    "NUMBERS",
    "STORED_BARS",
    "STORED_FORECASTS",
    "TABLES",
    "Around",
    "BarRow",
    "ForecastRow",
    "ForecastStore",
    "Forecasts",
    "OldDays",
    "Rows",
    "Stored",
    "Table",
    "Watch",
    "Writing",
    "migrate",
    "table",
]
