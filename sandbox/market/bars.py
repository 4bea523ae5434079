"""Bars around a session's trades: which minutes have one, where it opens, how far it reaches, how many shares."""

import numpy as np

from sandbox.market.factor import LENGTHS, ONE, halt
from sandbox.market.market_kinds import Kind
from sandbox.market.shape import curve

JITTER, REACH = 0.25, 0.4  # of an open and of high and low, in volatilities of the minute
OPENING, CLOSING = 15.0, 8.0  # volume of the auctions, in usual minutes
EXTENDED, BEFORE, AFTER = 15, 330, 240  # bars of extended hours on each side, and over how many minutes


def silence(kind: Kind, usual: float, n: int) -> np.ndarray:
    """Return each minute's chance of passing without a trade, (n,); the auctions always trade."""
    chance = kind.silence * usual * np.minimum(1 / np.sqrt(curve(kind, n)), 2.0)
    chance[[0, -1]] = 0.0
    return np.asarray(chance)


def traded(kind: Kind, random: np.random.Generator, quiet: np.ndarray, market_halt: slice) -> np.ndarray:
    """Draw which minutes have a bar, (n,)."""
    found = random.random(len(quiet)) >= quiet
    found[halt(random, len(quiet), ONE * kind.halts, LENGTHS)] = False
    found[market_halt] = False
    return np.asarray(found)


def rows(kind: Kind, random: np.random.Generator, trades: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return open, high, low, close of each minute, (n, 4), from the trades before and at its end, (n + 1,).

    Open, high and low are drawn around the last trades as printed: they tell nothing about the next close that the
    closes do not tell.
    """
    jitter, *reach = random.standard_normal((3, len(sigma))) * sigma
    jitter[0] = 0.0  # the first bar opens with the auction
    start, end = np.round(trades[:-1] * np.exp(JITTER * jitter), kind.decimals), trades[1:]
    high = np.round(np.maximum(start, end) * np.exp(REACH * np.abs(reach[0])), kind.decimals)
    low = np.round(np.minimum(start, end) * np.exp(-REACH * np.abs(reach[1])), kind.decimals)
    return np.column_stack([start, high, low, end])


def volumes(clock: np.ndarray, usual: float) -> np.ndarray:
    """Return the shares of each minute, (n,): in proportion to its clock, the auctions' on top."""
    found = usual * clock
    found[0] += OPENING * usual
    found[-1] += CLOSING * usual
    return np.asarray(np.maximum(np.round(found), 1.0))


def extended(kind: Kind, random: np.random.Generator, minutes: range, price: float) -> tuple[np.ndarray, np.ndarray]:
    """Return minutes (k,) and values (k, 5) of a few thin bars around a price."""
    at = minutes.start + np.sort(random.choice(len(minutes), size=EXTENDED, replace=False, shuffle=False))
    ends = price * np.exp(0.001 * random.standard_normal((2, EXTENDED)))
    prices = np.round(np.stack([ends[0], ends.max(axis=0), ends.min(axis=0), ends[1]]), kind.decimals)
    return at, np.column_stack([*prices, np.round(random.uniform(10, 900, EXTENDED))])
