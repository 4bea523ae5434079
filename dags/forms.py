"""What a person may choose when triggering a DAG; the settings are what stands there."""

from typing import get_args

from airflow.sdk import Param

from stock_ml.config import Alias, Recipe, load


def training() -> dict[str, Param]:
    """Return the form of `train_model`."""
    s = load()
    recipes = list(get_args(Recipe))
    candidates = {"type": "array", "items": {"enum": recipes}, "examples": recipes, "minItems": 1}
    return {
        "candidates": Param(list(s.candidates), title="Trained beside persistence", **candidates),
        "becomes": Param(s.promote, title="What the new version becomes", enum=list(get_args(Alias))),
    }
