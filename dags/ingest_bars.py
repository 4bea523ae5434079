"""### Bars: from the source to clean Parquet

Runs when the producer announces on Kafka that a session closed; with a real source 90 minutes after each close, too.
1. **plan** lists symbols and months, the form's or those of `airflow backfill create`; `planned` (XCom) the requests.
2. **ingest** keeps answers in S3 `raw/` as received, and makes checked bars of them. Few symbols have a task each, many
   are taken in batches; each has its own line in the log, its own tries and its own reason. Another try of a batch goes
   on where the one before was.
3. **publish**, when all have ended, keeps the run's "Data report", and announces `clean_bars` once, if enough symbols
   are clean (`STOCKML_MINIMUM_SYMBOLS`); both tell the others and why. For those **all_clean** fails, and so the run.
What another try cannot help fails at once, a spent day waits for New York's next one; the reason ends the task's log.
"""

from typing import Any

from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.sdk import dag, task

from dags import schedules
from dags.assets import CLEAN_BARS
from dags.ingest_form import ingest as form
from dags.symbol_outcomes import all_clean, batch_name, not_clean
from dags.symbol_retries import BySymbol
from dags.symbol_tries import failed_symbols
from dags.task_defaults import MAY_WAIT, dag_rules, task_settings
from stock_ml.config import load


@dag(schedule=schedules.ingest_bars(), params=form(), doc_md=__doc__, **dag_rules("ingest_bars"))
def ingest_bars() -> None:
    @task
    def plan(*, params: Any = None, ti: Any = None) -> Any:
        from stock_ml.ingestion.plan import plan_run

        planned = plan_run(task_settings(), params, schedules.session_of())
        ti.xcom_push("planned", planned.summary())
        return planned.batches()

    @task(map_index_template="{{ batch }}", retries=MAY_WAIT, retry_policy=BySymbol())
    def ingest(symbols: Any, *, ti: Any = None) -> Any:
        from stock_ml.ingestion.ingest_batch import ingest_batch

        s = task_settings(batch=batch_name(symbols))
        return ingest_batch(s, symbols, again=ti.try_number > 1, failed=failed_symbols())

    @task(outlets=[CLEAN_BARS], trigger_rule="all_done_min_one_success")
    def publish(batches: Any, *, ti: Any = None, outlet_events: Any = None) -> None:
        from stock_ml.ingestion import publish

        s = task_settings()
        items = [item for batch in batches for item in batch["items"]]
        outlet_events[CLEAN_BARS].extra = publish.publish(
            s, ti.run_id, items, not_clean(s, ti, batches), backfill=schedules.session_of() is not None
        )

    batches = plan()
    S3CreateBucketOperator(task_id="create_bucket", bucket_name=load().s3_bucket) >> batches
    ingest.expand(symbols=batches) >> [publish(batches), all_clean()]


ingest_bars()
