"""Run the DAGs once where there is no champion that fits the settings, and wait for it; beside Airflow's api-server."""

import os
import sys

from local.first_training import has_champion, make_champion
from stock_ml.config import load


def main() -> None:
    """Bring a champion into being where none fits; a second run changes nothing."""
    s = load()
    if not has_champion(s):
        sys.stdout.write(make_champion(s, os.environ))


if __name__ == "__main__":
    main()
