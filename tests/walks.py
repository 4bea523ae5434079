"""Made-up bars for tests: a random walk over the minutes of real sessions."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from stock_ml.domain.bars import COLUMNS, LARGEST_PRICE, LARGEST_VOLUME, MINUTE
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes

NYSE = sessions("XNYS")
_BOUNDS = (0.0, LARGEST_PRICE, LARGEST_VOLUME)
_NEXT_TO_BOUNDS = [float(np.nextafter(bound, side)) for bound in _BOUNDS for side in (-np.inf, np.inf)]
_FAR_BEYOND = (-1.0, 1e12, 1e200, 1.7e308, np.nan, np.inf, -np.inf)
BOUNDARY_NUMBERS = st.sampled_from([1.0, 2.0, *_BOUNDS, *_NEXT_TO_BOUNDS, *_FAR_BEYOND])  # for prices and volumes


def minutes_of(first: str, count: int) -> np.ndarray:
    """Return the opens of all minutes of `count` sessions from the date `first` on, epoch seconds."""
    at = int(np.searchsorted(NYSE.dates, np.datetime64(first)))
    spans = zip(NYSE.opens[at : at + count], NYSE.closes[at : at + count], strict=True)
    return np.concatenate([np.arange(start, end, MINUTE) for start, end in spans])


def walk(ts: np.ndarray, seed: int = 1, pull: float = 0.0) -> Minutes:
    """Return a random walk at these minutes; `pull` in 0..1 makes each return undo that share of the one before."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 5e-4, len(ts))
    returns = noise - pull * np.append(0.0, noise[:-1])
    close = 100 * np.exp(np.cumsum(returns))
    opens = np.append(close[:1], close[:-1])
    high = np.maximum(opens, close) * (1 + rng.uniform(0, 2e-4, len(ts)))
    low = np.minimum(opens, close) * (1 - rng.uniform(0, 2e-4, len(ts)))
    volume = np.floor(rng.lognormal(7, 1, len(ts)))
    return Minutes(ts, opens, high, low, close, volume, np.zeros(len(ts), dtype=bool))


def take(minutes: Minutes, keep: np.ndarray) -> Minutes:
    """Return the bars where `keep` (a mask, a slice or indices) says so."""
    return Minutes(*(column[keep] for column in vars(minutes).values()))


def frame(symbol: str, minutes: Minutes, source: str = "csv") -> pd.DataFrame:
    """Return the bars as the record: a frame with bars.COLUMNS, without official closes."""
    columns = vars(minutes) | {"ts": pd.to_datetime(minutes.ts, unit="s", utc=True).astype("datetime64[ns, UTC]")}
    return pd.DataFrame(columns | {"symbol": symbol, "source": source, "official_close": np.nan})[COLUMNS]


def holes(n: int) -> st.SearchStrategy[np.ndarray]:
    """Draw masks of n bars with single minutes and stretches of up to 40 left out."""
    cuts = st.tuples(st.integers(0, n - 1), st.one_of(st.just(1), st.integers(1, 40)))
    return st.lists(cuts, max_size=25).map(lambda drawn: _keep(n, drawn))


def _keep(n: int, cuts: list[tuple[int, int]]) -> np.ndarray:
    keep = np.ones(n, dtype=bool)
    for start, length in cuts:
        keep[start : start + length] = False
    return keep
