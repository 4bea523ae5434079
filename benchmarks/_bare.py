"""The least that must be done: take messages, COPY as many bars and forecasts into the same tables, commit.

No check, no window, no forecast, no memory of what came before: the last close stands for every number of a forecast.
"""

import numpy as np

from benchmarks._consumer import print_progress
from serving.common.shutdown import stop_on_signals
from stock_ml.adapters.broker import Subscriber, decode_bars
from stock_ml.adapters.postgres.store import BARS, FORECASTS, NUMBERS, Forecasts, ForecastStore
from stock_ml.config import load

BATCH, WAIT = 10_000, 0.2  # as the consumer
NO_BARS = np.empty(0, BARS)


def rows(values: list[bytes]) -> tuple[np.ndarray, Forecasts]:
    """Return a bar and a forecast for each message."""
    given = decode_bars(values)
    bars, forecasts = np.zeros(len(values), BARS), np.zeros(len(values), FORECASTS)
    bars["symbol"], bars["source"], bars["ts"] = given.symbols, given.sources, given.ts
    for name, column in zip(("open", "high", "low", "close", "volume"), given.values, strict=True):
        bars[name] = column
    forecasts["symbol"], forecasts["bar_ts"], forecasts["target_ts"] = bars["symbol"], bars["ts"], bars["ts"] + 60
    forecasts["horizon"], forecasts["session"] = 1, bars["ts"].astype("M8[s]")
    forecasts["made_at"], forecasts["model_version"] = bars["ts"] + 60, b"1"
    for name in NUMBERS:
        forecasts[name] = bars["close"]
    return bars, Forecasts(forecasts)


def main() -> None:
    """Take, copy and commit until SIGTERM."""
    s = load()
    stopping, _ = stop_on_signals()
    subscriber, store = Subscriber.connect(s, f"{s.kafka_topic}-bare", lambda _: None), ForecastStore.connect(s)
    done = 0
    while not stopping.is_set():
        if messages := subscriber.poll(BATCH, WAIT):
            bars, forecasts = rows([message.value() or b"" for message in messages])
            store.finish(store.begin(bars, NO_BARS), forecasts)
            subscriber.commit(messages)
            print_progress(done := done + len(messages))
    store.close()
    subscriber.close()


if __name__ == "__main__":
    main()
