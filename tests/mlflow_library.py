"""MLflow's own client, with which tests make and read what the product does not."""

from mlflow import MlflowClient

from stock_ml.adapters.mlflow.registry import Registry


def library(registry: Registry) -> MlflowClient:
    """Return MLflow's client of a registry's server; it takes the login from the address."""
    assert isinstance(registry.api.session.auth, tuple)
    user, password = registry.api.session.auth
    url = registry.api.url.replace("://", f"://{user}:{password}@")
    return MlflowClient(url, url)
