"""Run the DAGs once where there is no champion that fits the settings, and wait for it; beside Airflow's api-server."""

import os

from local.pipeline import ensure_champion
from stock_ml.config import load

if __name__ == "__main__":
    ensure_champion(load(), os.environ)
