"""### Model: from clean bars to the champion

Runs whenever `ingest_bars` announces `clean_bars`. **train** makes feature rows from the clean bars, fits a linear
model with Spark, measures it against persistence on sessions that it was not trained on, logs all of it as one
MLflow run, registers the better of the two as a version of `stock-close`, and moves the alias `champion` to it.
The consumer serves the new champion within seconds, without a restart.

Too little history fails at once, with the reason as the last line of the task's log; the old champion stays.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from dags.assets import CLEAN_BARS, MODEL
from dags.rules import dag_rules, task_settings


@dag(schedule=[CLEAN_BARS], doc_md=__doc__, **dag_rules("train_model"))
def train_model() -> None:
    @task(outlets=[MODEL], execution_timeout=timedelta(hours=2))
    def train() -> dict[str, Any]:
        from stock_ml.steps import training

        return dict(training.train(task_settings()))

    train()


train_model()
