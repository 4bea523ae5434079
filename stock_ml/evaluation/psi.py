"""Drift: how far the features of today are from those that a model was trained on."""

import numpy as np
from numpy.typing import NDArray

BINS = 10
LEAST = 1e-4  # an empty bin must not make the index infinite
Floats = NDArray[np.float64]


def psi(trained: Floats, live: Floats) -> float:
    """Return the population stability index of a feature between two samples, (n,) and (m,), 0 where they agree.

    The sum over BINS bins, each with a tenth of the training sample, of (live - trained) ln(live / trained) of the
    shares (Siddiqi 2006, "Credit Risk Scorecards"); above 0.25 the populations are usually called different. Values
    that stand for several tenths at once share a bin.
    """
    within = edges(trained)
    return index(shares(counts(trained, within)), shares(counts(live, within)))


def edges(sample: Floats) -> Floats:
    """Return what parts a sample (n,) into BINS tenths, or into fewer where a value stands for several of them."""
    return np.unique(np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1]))


def counts(sample: Floats, within: Floats) -> Floats:
    """Return how many of a sample (n,) fall into each of the bins between `within` (b,), as float64 (b + 1,)."""
    places = np.searchsorted(within, sample, side="left")
    return np.bincount(places, minlength=len(within) + 1).astype(np.float64)


def shares(counted: Floats) -> Floats:
    """Return the share of each bin, at least LEAST."""
    part: Floats = np.maximum(counted / np.sum(counted), LEAST)
    return part


def index(before: Floats, now: Floats) -> float:
    """Return the population stability index between the shares of the same bins, (b,) each."""
    return float(np.sum((now - before) * np.log(now / before)))
