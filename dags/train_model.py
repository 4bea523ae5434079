"""### Model: from clean bars to the champion

Runs when `ingest_bars` announces `clean_bars`, but trains only where enough sessions closed since the last training
(`STOCKML_RETRAIN_SESSIONS`) or the settings changed: else the task ends as skipped and says so. An alert of
`monitor_forecasts` on Kafka starts a training at once, another one when the session that gave it is clean, if it was
not, and one when the eighth from it on is; a hundred alerts lead to one, and a backfill leads to one when its last
runs have begun. Triggered by a person it always trains, with the candidates and the window of sessions chosen in the
form. What started it stands in the XCom `why` and in MLflow (`started_by`).

**train** makes feature rows from the clean bars, fits the candidates with Spark, measures them against persistence
on sessions that they were not trained on, logs all of it as one MLflow run, and registers who is to serve as a version
of `stock-close`: another kind than the champion's only where it was better beyond chance on later sessions that no
training decided by yet; after an alert, once eight sessions are there, only these count. Then it moves the alias
`champion` to it; or the alias `challenger` (`STOCKML_PROMOTE`, or the form), which is scored in the champion's shadow
until `./stockml promote VERSION`; with `ask` in the form `promote_model` asks a person in Airflow.
The consumer serves the new champion within seconds, without a restart.

Too little history fails at once, with the reason as the last line of the task's log; the old champion stays.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException
from operator_links import TrainingInMlflow, linked

from dags.assets import CLEAN_BARS, MODEL, RETRAINING_WANTED, backfilled_at
from dags.forms import ASK, chosen, training
from dags.task_defaults import dag_rules, task_settings

TOLD = ("run_id", "version", "alias", "skill")  # of a training, in its asset event


@dag(schedule=CLEAN_BARS | RETRAINING_WANTED, params=training(), doc_md=__doc__, **dag_rules("train_model"))
def train_model() -> None:
    @task(outlets=[MODEL], execution_timeout=timedelta(hours=2))
    def train(
        *, triggering_asset_events: Any = None, params: Any = None, outlet_events: Any = None, ti: Any = None
    ) -> dict[str, Any]:
        from stock_ml.monitoring import notify
        from stock_ml.training import retrain_policy

        s, events = task_settings().model_copy(update=chosen(params)), triggering_asset_events or {}
        alerts = [event.extra["payload"] for event in events.get(RETRAINING_WANTED, [])]
        ti.xcom_push("why", why := retrain_policy.why(alerts, bool(events)))
        waiting = ti.get_dr_count("ingest_bars", states=["queued"]) if (past := backfilled_at(events)) else 0
        if events and (reason := retrain_policy.covered(s, alerts, past, waiting)):
            raise AirflowSkipException(reason)
        from stock_ml.training.train import train as fit  # Spark and MLflow take seconds to import

        notify.trained(s, made := dict(fit(s, why, retrain_policy.changed_at(alerts))))
        ask = params["becomes"] == ASK and made["alias"] == "challenger"
        outlet_events[MODEL].extra = {"why": why, "ask": ask, **{name: made[name] for name in TOLD}}
        return made

    linked(train(), TrainingInMlflow())


train_model()
