"""The feature schema that a model stores, so that it is served only with the inputs that it was trained on."""

from typing import TypedDict


class FeatureSchema(TypedDict):
    """Describe what a model's inputs mean; `hash` is a SHA-256 over all the rest."""

    kernel: int
    channels: list[str]
    names: list[str]
    window: int
    horizon: int
    feed_gap_minutes: int
    exchange: str
    hash: str
