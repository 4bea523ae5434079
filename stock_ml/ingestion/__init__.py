"""Fetch bars from a source into the lake, as received."""
