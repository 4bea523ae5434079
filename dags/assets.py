"""The assets that the DAGs pass on, each named once."""

from airflow.sdk import Asset

CLEAN_BARS = Asset(name="clean_bars", group="stock_ml")
MODEL = Asset(name="stock_close", group="stock_ml")
