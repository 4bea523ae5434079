"""### Bars: from the source to clean Parquet

Runs when the producer announces on Kafka that a session closed; with a real source 90 minutes after each close, too.
1. **plan** lists symbols and months, the form's or those of `airflow backfill create`; `planned` (XCom) the requests.
2. Each symbol by itself: **download** keeps answers in S3 `raw/` as received, **clean** makes checked bars of them.
3. **publish**, when all have ended, keeps the run's "Data report", and announces `clean_bars` once, if enough symbols
   are clean (`STOCKML_MINIMUM_SYMBOLS`); both tell the others and why. For those **all_clean** fails, and so the run.
What another try cannot help fails at once, a spent day waits for New York's next one; the reason ends the task's log.
"""

from typing import Any

from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.sdk import dag, task, task_group

from dags import schedules
from dags.assets import CLEAN_BARS
from dags.forms import ingest as form
from dags.symbol_outcomes import all_clean, not_clean
from dags.task_defaults import MAY_WAIT, dag_rules, task_settings
from stock_ml.config import load


@dag(schedule=schedules.ingest_bars(), params=form(), doc_md=__doc__, **dag_rules("ingest_bars"))
def ingest_bars() -> None:
    @task
    def plan(*, params: Any = None, ti: Any = None) -> Any:
        from stock_ml.ingestion.plan import plan_run

        planned = plan_run(task_settings(), params, schedules.session_of())
        ti.xcom_push("planned", planned.summary())
        return planned.items

    @task(map_index_template="{{ symbol }}", retries=MAY_WAIT)
    def download(item: Any) -> Any:
        from stock_ml.ingestion import download

        return download.download(task_settings(symbol=item["symbol"]), item)

    @task(map_index_template="{{ symbol }}")
    def clean(item: Any) -> Any:
        from stock_ml.cleaning.clean_symbol import clean_symbol

        return clean_symbol(task_settings(symbol=item["symbol"]), item)

    @task_group
    def symbol(item: Any) -> None:
        clean(download(item))

    @task(outlets=[CLEAN_BARS], trigger_rule="all_done_min_one_success")
    def publish(items: Any, *, ti: Any = None, outlet_events: Any = None) -> None:
        from stock_ml.ingestion import publish

        outlet_events[CLEAN_BARS].extra = publish.publish(
            task_settings(), ti.run_id, items, not_clean(ti, items), backfill=schedules.session_of() is not None
        )

    items = plan()
    S3CreateBucketOperator(task_id="create_bucket", bucket_name=load().s3_bucket) >> items
    symbol.expand(item=items) >> [publish(items), all_clean()]


ingest_bars()
