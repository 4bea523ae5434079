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
    edges = np.unique(np.quantile(trained, np.linspace(0, 1, BINS + 1)[1:-1]))
    before, now = (_shares(sample, edges) for sample in (trained, live))
    return float(np.sum((now - before) * np.log(now / before)))


def _shares(sample: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1)
    return np.maximum(counts / len(sample), LEAST)
