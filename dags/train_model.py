"""### Model: from clean bars to the champion

Runs when `ingest_bars` announces `clean_bars`, but trains only where enough sessions closed since the last training
(`STOCKML_RETRAIN_SESSIONS`) or the settings changed: else the task ends as skipped and says so. An alert of
`monitor_forecasts` on Kafka starts a training at once, its reason in the log and among the run's asset events; a
hundred alerts lead to one. Triggered by a person it always trains, with the candidates chosen in the form.

**train** makes feature rows from the clean bars, fits the candidates with Spark, measures them against persistence
on sessions that they were not trained on, logs all of it as one MLflow run, and registers who is to serve as a version
of `stock-close`: another kind than the champion's only where it was better beyond chance on later sessions. Then it
moves the alias `champion` to it; or the alias `challenger` (`STOCKML_PROMOTE`, or the form), which is scored in the
champion's shadow until `./stockml promote VERSION`.
The consumer serves the new champion within seconds, without a restart.

Too little history fails at once, with the reason as the last line of the task's log; the old champion stays.
"""

from datetime import timedelta
from typing import Any, get_args

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.assets import CLEAN_BARS, MODEL, RETRAINING_WANTED
from dags.rules import dag_rules, task_settings
from stock_ml.config import Alias, Recipe, load


def form() -> dict[str, Param]:
    """Return what a person may choose for one run; the settings are what stands there."""
    s = load()
    recipes = list(get_args(Recipe))
    candidates = {"type": "array", "items": {"enum": recipes}, "examples": recipes, "minItems": 1}
    return {
        "candidates": Param(list(s.candidates), title="Trained beside persistence", **candidates),
        "becomes": Param(s.promote, title="What the new version becomes", enum=list(get_args(Alias))),
    }


@dag(schedule=CLEAN_BARS | RETRAINING_WANTED, params=form(), doc_md=__doc__, **dag_rules("train_model"))
def train_model() -> None:
    @task(outlets=[MODEL], execution_timeout=timedelta(hours=2))
    def train(*, triggering_asset_events: Any = None, params: Any = None) -> dict[str, Any]:
        from stock_ml.steps import refreshing

        s, events = task_settings(), triggering_asset_events or {}
        s = s.model_copy(update={"candidates": tuple(params["candidates"]), "promote": params["becomes"]})
        alerts = [event.extra["payload"] for event in events.get(RETRAINING_WANTED, [])]
        if events and (reason := refreshing.covered(s, alerts)):
            raise AirflowSkipException(reason)
        from stock_ml.steps import training  # Spark and MLflow take seconds to import

        return dict(training.train(s))

    train()


train_model()
