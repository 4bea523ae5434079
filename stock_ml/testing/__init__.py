"""A kit that tries any source: `python -m stock_ml.testing NAME --service MODULE:OBJECT`, see docs/sources.md."""
