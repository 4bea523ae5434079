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
from airflow.sdk.exceptions import AirflowSkipException

from dags.assets import MODEL
from dags.task_defaults import dag_rules, task_settings

TOLD = "{{ ti.xcom_pull(task_ids='see_asked') }}"


@dag(schedule=MODEL, doc_md=__doc__, **dag_rules("promote_model"))
def promote_model() -> None:
    @task
    def see_asked(*, triggering_asset_events: Any = None) -> dict[str, Any]:
        events = (triggering_asset_events or {}).get(MODEL, [])
        told = dict(events[-1].extra) if events else {}  # the newest: it is the challenger
        if not told.get("ask"):
            raise AirflowSkipException("nobody wants to be asked about this version")
        return told

    approve = ApprovalOperator(
        task_id="approve",
        subject="Should version {{ ti.xcom_pull(task_ids='see_asked')['version'] }} serve?",
        body=TOLD,
        defaults="Reject",
        response_timeout=timedelta(days=3),
    )

    @task
    def promote(told: dict[str, Any]) -> str | None:
        from stock_ml.training import promote as promoting

        return promoting.promote_challenger(task_settings(), told["version"])

    (told := see_asked()) >> approve >> promote(told)


promote_model()
