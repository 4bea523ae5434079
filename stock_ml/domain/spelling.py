"""Find what a misspelt name was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches

SIMILAR = 0.7  # of 1: HORZON is HORIZON by 0.92, SYMBOL is SYMBOLS by 0.92


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, None where none is like it."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=SIMILAR)), None)
