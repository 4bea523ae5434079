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
from operator_links import TrainingInMlflow, with_link

from dags import schedules
from dags.assets import MODEL
from dags.events import training_trigger
from dags.forms import needs_approval, training_settings
from dags.forms import training as form
from dags.task_defaults import dag_rules, skip_if, task_settings
from stock_ml.domain.json_object import JsonObject


@dag(schedule=schedules.TRAIN_MODEL, params=form(), doc_md=__doc__, **dag_rules("train_model"))
def train_model() -> None:
    @task(outlets=[MODEL], execution_timeout=timedelta(hours=2))
    def train(
        *, triggering_asset_events: Any = None, params: Any = None, outlet_events: Any = None, ti: Any = None
    ) -> JsonObject:
        from stock_ml.training import retrain_policy

        s = task_settings().model_copy(update=dict(training_settings(params)))
        trigger = training_trigger(triggering_asset_events, ti)
        ti.xcom_push("why", trigger.reason)
        skip_if(retrain_policy.skip_reason(s, trigger))

        from stock_ml.training import train  # Spark and MLflow take seconds to import

        outcome = train.train(s, trigger.reason, trigger.alert_at)
        outlet_events[MODEL].extra = train.training_event(outcome, trigger.reason, needs_approval(params))
        return dict(outcome)

    with_link(train(), TrainingInMlflow())


train_model()
