"""One session's bars of a symbol, from the random numbers of this session alone and what its day is like."""

import numpy as np

from sandbox.market import bars
from sandbox.market.days import days
from sandbox.market.factor import factor
from sandbox.market.market_kinds import Kind
from sandbox.market.profile import profile
from sandbox.market.random_streams import stream
from sandbox.market.session_prices import SessionInputs, trades
from sandbox.market.shape import clock
from stock_ml.domain.calendar import Sessions


def session(kind: Kind, seed: int, symbol: str, calendar: Sessions, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return trading minutes from the open (n,) and values (n, 5) of a session's bars, extended hours included."""
    n = int(calendar.lengths[number])
    date, about = int(calendar.dates[number].astype(np.int64)), profile(seed, symbol)
    random, common = stream(seed, "minutes", symbol, date), factor(kind, seed, date, n)
    every = days(kind, seed, symbol, calendar)
    day = [float(part[number]) for part in (every.opens, every.sigma, every.ups, every.downs, every.volume)]
    pace = kind.turn.pace if kind.turn and date >= kind.turn.day else None
    inputs = SessionInputs(kind, day[0], day[1], day[2], day[3], clock(kind, random, n), about.beta, pace)
    there = bars.traded(kind, random, bars.silence(kind, about.silence, n), common.halt)
    prices = trades(inputs, random, common.returns)
    printed = np.concatenate([prices[:1], prices[1:][there]])
    values = bars.rows(kind, random, printed, np.sqrt(inputs.variance)[there])
    volume = bars.volumes(inputs.clock, day[4])[there]
    return _extended(kind, random, n, (np.flatnonzero(there), np.column_stack([values, volume])))


def _extended(
    kind: Kind, random: np.random.Generator, n: int, regular: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    before = bars.extended(kind, random, range(-bars.BEFORE, 0), float(regular[1][0, 0]))
    after = bars.extended(kind, random, range(n, n + bars.AFTER), float(regular[1][-1, 3]))
    minutes, values = (np.concatenate(parts) for parts in zip(before, regular, after, strict=True))
    for part in (minutes, values):
        part.setflags(write=False)
    return minutes, values
