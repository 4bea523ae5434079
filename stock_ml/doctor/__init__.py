"""Look over an installation: each part that it needs, whether it is well, and what to do where it is not."""

from stock_ml.doctor.check import Check, Finding, examine
from stock_ml.doctor.checks import CHECKS

__all__ = ["CHECKS", "Check", "Finding", "examine"]
