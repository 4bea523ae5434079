"""### Approval: a person decides whether a version serves

Runs when `train_model` made a version whose form said `ask`: until somebody answers it is the challenger, which
forecasts in the champion's shadow, so the live evidence grows while the question waits.

**see_asked** skips the rest for a version that nobody asked about. **approve** shows the version, its skill and the
reason for its training, and waits up to three days ("Required actions" in the navigation); no answer leaves the
champion. **promote** moves the alias `champion` to the version, if it is the challenger still.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

from dags import schedules
from dags.assets import MODEL
from dags.events import newest
from dags.task_defaults import dag_rules, skip_if, task_settings
from stock_ml.domain.json_object import JsonObject

BODY = "{{ ti.xcom_pull(task_ids='see_asked') }}"


@dag(schedule=schedules.PROMOTE_MODEL, doc_md=__doc__, **dag_rules("promote_model"))
def promote_model() -> None:
    @task
    def see_asked(*, triggering_asset_events: Any = None) -> JsonObject:
        from stock_ml.training import promote_challenger

        version = newest(triggering_asset_events, MODEL)  # the newest one is the challenger
        skip_if(promote_challenger.skip_reason(version))
        return version

    approve = ApprovalOperator(
        task_id="approve",
        subject="Should version {{ ti.xcom_pull(task_ids='see_asked')['version'] }} serve?",
        body=BODY,
        defaults="Reject",
        response_timeout=timedelta(days=3),
    )

    @task
    def promote(version: Any) -> str | None:
        from stock_ml.training import promote_challenger

        return promote_challenger.promote_challenger(task_settings(), version["version"])

    version = see_asked()
    version >> approve >> promote(version)


promote_model()
