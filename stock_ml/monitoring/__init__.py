"""Watch live forecasts, data and DAGs, and notify a person."""
