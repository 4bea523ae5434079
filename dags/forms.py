"""The form with which a person triggers `train_model`; the settings are the defaults."""

from collections.abc import Mapping
from typing import Any, TypedDict, get_args

from airflow.sdk import Param

from stock_ml.config import Alias, Recipe, load
from stock_ml.domain.json_object import JsonObject

ASK = "ask"
FITTED = (
    "The window of sessions to train on (STOCKML_TRAIN_SESSIONS). How many bars a forecast looks back on "
    "(STOCKML_WINDOW) and how far ahead it is (STOCKML_HORIZON) are settings of the installation: its consumer refuses "
    "a model with others."
)


class TrainingSettings(TypedDict):
    """Hold the settings that the form of `train_model` changes."""

    candidates: tuple[str, ...]
    train_sessions: int
    promote: str


def training() -> dict[str, Param]:
    """Return the form of `train_model`."""
    s = load()
    recipes = list(get_args(Recipe))
    candidates: JsonObject = {"type": "array", "items": {"enum": recipes}, "examples": recipes, "minItems": 1}
    sessions: JsonObject = {"type": "integer", "minimum": 2, "description_md": FITTED}
    return {
        "candidates": Param(list(s.candidates), title="Trained beside persistence", **candidates),
        "sessions": Param(s.train_sessions, title="Newest sessions that a model is fitted on", **sessions),
        "becomes": Param(s.promote, title="What the new version becomes", enum=[*get_args(Alias), ASK]),
    }


def training_settings(params: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings that the form of `train_model` changes; until a person answers, a version is challenger."""
    alias = "challenger" if needs_approval(params) else params["becomes"]
    return {"candidates": tuple(params["candidates"]), "train_sessions": int(params["sessions"]), "promote": alias}


def needs_approval(params: Mapping[str, Any]) -> bool:
    """Say whether the form of `train_model` has a person decide whether the new version serves."""
    return bool(params["becomes"] == ASK)
