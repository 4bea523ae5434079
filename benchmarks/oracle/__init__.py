"""The best forecast of the next close that a symbol's past bars allow: it knows the exchange, but sees only bars."""

from benchmarks.oracle.best import best

__all__ = ["best"]
