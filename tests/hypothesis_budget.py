"""How many examples a costly property test tries: its own count, or as small a share of it as the profile asks for."""

import hypothesis

USUAL = 100  # examples of a property test that says nothing


def at_most(count: int) -> hypothesis.settings:
    """Return settings of so many examples; a profile of a tenth of the usual ones tries a tenth, and at least two."""
    profile = hypothesis.settings().max_examples
    return hypothesis.settings(max_examples=min(count, max(2, -(-count * profile // USUAL))))
