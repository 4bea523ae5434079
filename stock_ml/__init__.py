"""The library: what a bar, a feature, a model and a forecast are. It knows neither Airflow nor Flask."""

__version__ = "0.1.0.dev0"
