"""### Upkeep: what is old goes where it costs little

Runs each night at 03:00 UTC.

- **retire** moves the days before the newest `STOCKML_KEEP_SESSIONS` sessions from PostgreSQL to S3 as Parquet, reads
  them back, and drops them. Monitoring's reports go after `STOCKML_KEEP_LOG_DAYS` days; the newest stays.
- **tidy_runs** ends in MLflow the runs of killed trainings, and archives the trainings older than the newest
  `STOCKML_KEEP_RUNS`, but for those of a version with an alias or of a rollback. MLflow's "Deleted" restores them;
  after `STOCKML_KEEP_ARCHIVED_DAYS` days they are gone, with their files and their versions.
- **back_up** dumps the three databases to S3 (a bucket of its own), reads each dump back, and keeps the newest
  `STOCKML_KEEP_BACKUPS`. `make backup` does it at once, `make restore` puts the newest in the place of what is there.
- **forget_old** deletes from S3 task logs and reports of runs older than `STOCKML_KEEP_LOG_DAYS` days, and answers
  older than `STOCKML_KEEP_RAW_DAYS` days that a later one took the place of; what clean bars are made of stays.
- **forget_airflow** deletes as old rows of Airflow's database and logs of its DAG processor; each DAG's last run stays.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from dags import schedules
from dags.task_defaults import dag_rules, task_settings
from stock_ml.domain.json_object import JsonObject


@dag(schedule=schedules.MAINTAIN, doc_md=__doc__, **dag_rules("maintain"))
def maintain() -> None:
    @task
    def retire() -> dict[str, dict[str, int]]:
        from stock_ml.maintenance import retention

        return retention.retire(task_settings())

    @task
    def tidy_runs() -> dict[str, list[str]]:
        from stock_ml.maintenance import cleanup

        return cleanup.tidy_runs(s := task_settings()) | cleanup.forget_runs(s)

    @task(execution_timeout=timedelta(hours=2))
    def back_up() -> JsonObject:
        from stock_ml.maintenance import backup

        return dict(backup.back_up(task_settings()))

    @task
    def forget_old() -> dict[str, int]:
        from stock_ml.maintenance import cleanup

        return cleanup.forget_old(task_settings())

    @task
    def forget_airflow() -> dict[str, str | int]:
        from dags import airflow_records

        return airflow_records.forget(task_settings())

    retire()
    tidy_runs()
    back_up()
    forget_old()
    forget_airflow()


maintain()
