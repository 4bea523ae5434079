"""Make the databases and their roles where they are missing, before any service logs in."""

from local.servers.postgres_roles import ensure_roles
from stock_ml.config import load

if __name__ == "__main__":
    ensure_roles(load())
