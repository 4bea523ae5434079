"""What a person may choose when triggering a DAG; the settings are what stands there."""

from collections.abc import Mapping
from typing import Any, get_args

from airflow.sdk import Param

from stock_ml.config import Alias, Recipe, load

ASK = "ask"
FITTED = (
    "The window of sessions to train on (STOCKML_TRAIN_SESSIONS). How many bars a forecast looks back on "
    "(STOCKML_WINDOW) and how far ahead it is (STOCKML_HORIZON) are settings of the installation: its consumer refuses "
    "a model with others."
)


def training() -> dict[str, Param]:
    """Return the form of `train_model`."""
    s = load()
    recipes = list(get_args(Recipe))
    candidates = {"type": "array", "items": {"enum": recipes}, "examples": recipes, "minItems": 1}
    sessions: dict[str, Any] = {"type": "integer", "minimum": 2, "description_md": FITTED}
    return {
        "candidates": Param(list(s.candidates), title="Trained beside persistence", **candidates),
        "sessions": Param(s.train_sessions, title="Newest sessions that a model is fitted on", **sessions),
        "becomes": Param(s.promote, title="What the new version becomes", enum=[*get_args(Alias), ASK]),
    }


def chosen(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the form of `train_model` changes; until a person answers, a version is challenger."""
    becomes = "challenger" if params["becomes"] == ASK else params["becomes"]
    return {
        "candidates": tuple(params["candidates"]),
        "train_sessions": int(params["sessions"]),
        "promote": becomes,
    }


def asks(params: Mapping[str, Any]) -> bool:
    """Say whether the form of `train_model` has a person decide whether the new version serves."""
    return bool(params["becomes"] == ASK)


def ingest() -> dict[str, Param]:
    """Return the form of `ingest_bars`."""
    s = load()
    symbols: dict[str, Any] = {"type": "array", "items": {"enum": list(s.symbols)}, "examples": list(s.symbols)}
    day: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
    past = "Empty is the usual history (STOCKML_HISTORY_MONTHS); the months of these days are fetched whole."
    return {
        "symbols": Param(list(s.symbols), title="Symbols", minItems=1, uniqueItems=True, **symbols),
        "from": Param(None, title="First day", description_md=past, **day),
        "to": Param(None, title="Last day", description_md="Empty is today by the source's clock.", **day),
        "source": Param(s.source, title="Source", enum=[s.source], description_md="An installation has one source."),
        "force": Param(False, title="Ask again for what is there", type="boolean"),
    }
