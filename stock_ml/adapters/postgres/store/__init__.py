"""Write bars, forecasts and the states of the services to PostgreSQL."""

from stock_ml.adapters.postgres.store.rows import (
    BARS,
    FORECASTS,
    NUMBERS,
    REPLACED_BARS,
    STORED_BARS,
    STORED_FORECASTS,
    UNFILLED,
    BarRow,
    ForecastRow,
    Forecasts,
    OfficialCloseRow,
    OtherRows,
    Rows,
    Table,
    table,
)
from stock_ml.adapters.postgres.store.store import Around, ForecastStore, Stored, Writing

__all__ = [
    "BARS",
    "FORECASTS",
    "NUMBERS",
    "REPLACED_BARS",
    "STORED_BARS",
    "STORED_FORECASTS",
    "UNFILLED",
    "Around",
    "BarRow",
    "ForecastRow",
    "ForecastStore",
    "Forecasts",
    "OfficialCloseRow",
    "OtherRows",
    "Rows",
    "Stored",
    "Table",
    "Writing",
    "table",
]
