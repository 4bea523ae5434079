"""### Bars: from the source to clean Parquet

Runs when the producer announces on Kafka that a session closed; with a real source 90 minutes after each close, too.
1. **plan** lists symbols and months to fetch; XCom `planned` says how many requests that takes. The form may choose
   others; a backfill (`airflow backfill create`, real sources) fetches the months of its sessions, each once.
2. Each symbol by itself, so that one that fails stops no other: **download** keeps every answer in S3 under `raw/`,
   exactly as received; **clean** makes it into checked bars under `clean/`, a report under `quality/`.
3. **publish** names holes that all symbols share, keeps the run's "Data report", and announces `clean_bars` once.
What another try cannot help fails at once, the reason in the log's last line. A spent daily limit waits for the next
day of New York; a run that waits is not made again. Running again changes nothing.
"""

from typing import Any

from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.sdk import dag, task, task_group

from dags.assets import CLEAN_BARS
from dags.forms import ingest as form
from dags.retries import DAYS, TRIES
from dags.rules import dag_rules, task_settings
from dags.schedules import after_each_session, session_of
from stock_ml.config import load


@dag(schedule=after_each_session(minutes=90), params=form(), doc_md=__doc__, **dag_rules("ingest_bars"))
def ingest_bars() -> None:
    @task
    def plan(*, params: Any = None, ti: Any = None) -> list[dict[str, Any]]:
        from stock_ml.steps import ingest

        ti.xcom_push("planned", (made := ingest.plan_run(task_settings(), params, session_of())).told())
        return made.items

    @task(map_index_template="{{ symbol }}", retries=TRIES + DAYS)
    def download(item: dict[str, Any]) -> dict[str, Any]:
        from stock_ml.steps import ingest

        return ingest.download(task_settings(symbol=item["symbol"]), item)

    @task(map_index_template="{{ symbol }}")
    def clean(item: Any) -> dict[str, Any]:
        from stock_ml.steps import ingest

        return ingest.clean_symbol(task_settings(symbol=item["symbol"]), item)

    @task_group
    def symbol(item: dict[str, Any]) -> None:
        clean(download(item))

    @task(outlets=[CLEAN_BARS])
    def publish(items: Any, *, run_id: Any = None, outlet_events: Any = None) -> None:
        from stock_ml.steps import data_report

        told = data_report.tell(task_settings(), run_id, items)
        outlet_events[CLEAN_BARS].extra = told | {"backfill": session_of() is not None}

    S3CreateBucketOperator(task_id="create_bucket", bucket_name=load().s3_bucket) >> (items := plan())
    symbol.expand(item=items) >> publish(items)


ingest_bars()
