"""The object store: answers as received, clean bars, quality reports."""

from stock_ml.adapters.lake.archive import Archive
from stock_ml.adapters.lake.lake import Lake

__all__ = ["Archive", "Lake"]
