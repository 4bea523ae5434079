"""Say by the exit code whether a service without a port is well: it writes its state every second."""

import sys

from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import load

LONGEST_SILENCE = 30.0


def is_well(service: str) -> bool:
    """Say whether the service, producer or consumer, wrote its state within the last half minute."""
    store = ForecastStore.connect(load())
    state = store.read_state(service)
    store.close()
    return state is not None and state.age < LONGEST_SILENCE


if __name__ == "__main__":
    sys.exit(0 if is_well(sys.argv[1]) else 1)
