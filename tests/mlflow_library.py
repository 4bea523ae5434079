"""MLflow's own client, with which tests make and read what the product does not."""

from mlflow import MlflowClient

from stock_ml.adapters.mlflow.registry import Registry


def library(registry: Registry) -> MlflowClient:
    """Return MLflow's client of a registry's server."""
    return MlflowClient(registry.api.url, registry.api.url)
