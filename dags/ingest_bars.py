"""### Bars: from the source to clean Parquet

Runs after each trading session of the exchange: as soon as the producer announces on Kafka that one closed, and with a
real source 90 minutes after its close in any case. Where bars are simulated or replayed the wall's time says nothing.

1. **create_bucket** makes the bucket where it is missing; **plan** lists the symbols and the months to fetch.
2. For each symbol by itself, so that one that fails stops no other: **download** keeps every answer of the source in
   S3 under `raw/`, exactly as received; **clean** makes it into checked bars under `clean/`, a report under `quality/`.
3. **publish** names holes that all symbols share, and announces `clean_bars` once; `train_model` waits for that.
4. A refused key, a spent daily limit, a bad file or a month with too few of its minutes fails at once, the reason in
   the log's last line. Anything else is tried twice more. Running it again changes nothing that is there.
"""

from typing import Any

from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.sdk import dag, task, task_group

from dags.assets import CLEAN_BARS
from dags.rules import dag_rules, task_settings
from dags.schedules import after_each_session
from stock_ml.config import load


@dag(schedule=after_each_session(minutes=90), doc_md=__doc__, **dag_rules("ingest_bars"))
def ingest_bars() -> None:
    @task
    def plan() -> list[dict[str, Any]]:
        from stock_ml.steps import ingest

        return ingest.plan(task_settings())

    @task(map_index_template="{{ symbol }}")
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
    def publish(items: Any, *, outlet_events: Any = None) -> None:
        from stock_ml.steps import together

        together.look_over(s := task_settings(), items)
        outlet_events[CLEAN_BARS].extra = {"source": s.source, "symbols": [item["symbol"] for item in items]}

    S3CreateBucketOperator(task_id="create_bucket", bucket_name=load().s3_bucket) >> (items := plan())
    symbol.expand(item=items) >> publish(items)


ingest_bars()
