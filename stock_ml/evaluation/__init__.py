"""Evaluate forecasts: folds, metrics against persistence, evidence, and which candidate is promoted. Pure."""
