"""How often intervals held, counted plainly."""

import numpy as np


def coverage(errors: np.ndarray, size: np.ndarray, widths: dict[str, float]) -> dict[str, float]:
    """Return for each level the share of errors that its interval covers."""
    scaled = np.abs(errors) / size
    return {level: float(np.mean(scaled <= width)) for level, width in widths.items()}
