"""The forms with which a person triggers a DAG; the settings are the defaults."""

from collections.abc import Mapping
from typing import Any, TypedDict, get_args

from airflow.sdk import Param

from stock_ml.config import Alias, Recipe, load

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
    return {
        "candidates": Param(
            list(s.candidates),
            title="Trained beside persistence",
            type="array",
            items={"enum": recipes},
            examples=recipes,
            minItems=1,
        ),
        "sessions": Param(
            s.train_sessions,
            title="Newest sessions that a model is fitted on",
            type="integer",
            minimum=2,
            description_md=FITTED,
        ),
        "becomes": Param(s.promote, title="What the new version becomes", enum=[*get_args(Alias), ASK]),
    }


def training_settings(params: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings that the form of `train_model` changes; until a person answers, a version is challenger."""
    becomes = "challenger" if params["becomes"] == ASK else params["becomes"]
    return {
        "candidates": tuple(params["candidates"]),
        "train_sessions": int(params["sessions"]),
        "promote": becomes,
    }


def needs_approval(params: Mapping[str, Any]) -> bool:
    """Say whether the form of `train_model` has a person decide whether the new version serves."""
    return bool(params["becomes"] == ASK)


def ingest() -> dict[str, Param]:
    """Return the form of `ingest_bars`."""
    s = load()
    past = "Empty is the usual history (STOCKML_HISTORY_MONTHS); the months of these days are fetched whole."
    return {
        "symbols": Param(
            list(s.symbols),
            title="Symbols",
            minItems=1,
            uniqueItems=True,
            type="array",
            items={"enum": list(s.symbols)},
            examples=list(s.symbols),
        ),
        "from": _day("First day", past),
        "to": _day("Last day", "Empty is today by the source's clock."),
        "source": Param(s.source, title="Source", enum=[s.source], description_md="An installation has one source."),
        "force": Param(False, title="Ask again for what is there", type="boolean"),
    }


def _day(title: str, description: str) -> Param:
    return Param(None, title=title, description_md=description, type=["null", "string"], format="date")
