"""The library: what a bar, a feature, a model and a forecast are. It knows neither Airflow nor Flask."""
