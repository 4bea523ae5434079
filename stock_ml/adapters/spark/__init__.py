"""Spark: a session that reads the lake, feature rows, passes over them, and fitted pipelines as files."""

from stock_ml.adapters.spark.fitted_pipeline import save
from stock_ml.adapters.spark.passes import passes
from stock_ml.adapters.spark.rows import cache_rows, feature_rows, read_bars
from stock_ml.adapters.spark.session import session

__all__ = ["cache_rows", "feature_rows", "passes", "read_bars", "save", "session"]
