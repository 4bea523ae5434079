"""Write bars, forecasts and the states of the services to PostgreSQL."""

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
    "Around",
    "BarRow",
    "Coming",
    "ForecastRow",
    "ForecastStore",
    "Rows",
    "Stored",
    "Table",
]
