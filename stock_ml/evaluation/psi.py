"""The population stability index: how far a feature is from a reference sample, over deciles of that sample."""

import numpy as np
from numpy.typing import NDArray

BINS = 10
MIN_SHARE = 1e-4  # an empty bin must not make the index infinite
Floats = NDArray[np.float64]


def bin_edges(sample: Floats) -> Floats:
    """Return what parts a sample (n,) into BINS tenths, or into fewer where a value stands for several of them."""
    return np.unique(np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1]))


def bin_counts(sample: Floats, edges: Floats) -> Floats:
    """Return how many of a sample (n,) fall into each of the bins between `edges` (b,), as float64 (b + 1,)."""
    places = np.searchsorted(edges, sample, side="left")
    return np.bincount(places, minlength=len(edges) + 1).astype(np.float64)


def bin_shares(counts: Floats) -> Floats:
    """Return the share of each bin, at least MIN_SHARE."""
    part: Floats = np.maximum(counts / np.sum(counts), MIN_SHARE)
    return part


def psi(reference: Floats, live: Floats) -> float:
    """Return the population stability index of two samples' shares of the same bins, (b,) each; 0 where they agree.

    It is the sum over the bins of (live - reference) ln(live / reference) (Siddiqi 2006, "Credit Risk Scorecards").
    Above 0.25 the populations are usually called different.
    """
    return float(np.sum((live - reference) * np.log(live / reference)))
