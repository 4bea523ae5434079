"""Write bars, forecasts and what the services say of themselves to PostgreSQL; watch over what was forecast."""

from stock_ml.adapters.postgres.store.migrate import migrate
from stock_ml.adapters.postgres.store.monitoring_store import Watch
from stock_ml.adapters.postgres.store.retention import TABLES, OldDays
from stock_ml.adapters.postgres.store.rows import (
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
from stock_ml.adapters.postgres.store.store import FORETOLD, RECEIVED, Around, ForecastStore, Stored

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
