"""Spark: a session that reads the lake, feature rows, and fitted pipelines as files."""

from stock_ml.adapters.spark.pipeline_files import save
from stock_ml.adapters.spark.rows import feature_rows, held, read_bars
from stock_ml.adapters.spark.session import session

__all__ = ["feature_rows", "held", "read_bars", "save", "session"]
