"""How many examples a costly property test tries: its own count, or fewer where the profile asks for fewer."""

import hypothesis


def at_most(count: int) -> hypothesis.settings:
    """Return settings of so many examples, or of the profile's number where that is smaller."""
    return hypothesis.settings(max_examples=min(count, hypothesis.settings().max_examples))
