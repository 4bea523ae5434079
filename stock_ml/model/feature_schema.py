"""The feature schema that a model stores, so that it is served only with the inputs that it was trained on."""

from typing import TypedDict


class FeatureInputs(TypedDict):
    """Describe what decides a model's inputs: the kernel, its settings, and the sessions of the exchange."""

    kernel: int
    channels: list[str]
    names: list[str]
    window: int
    horizon: int
    feed_gap_minutes: int
    exchange: str


class FeatureSchema(FeatureInputs):
    """Describe what a model's inputs mean, as JSON stores it; `hash` is a SHA-256 over all the rest."""

    hash: str
