"""Faults that a test asks the exchange for."""
