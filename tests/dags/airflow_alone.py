"""A DAG of Airflow's own parts and nothing else: what parsing it costs is Airflow's cost, not the project's."""

from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.sdk import Asset, CronTriggerTimetable, RetryPolicy, dag, task, task_group
from airflow.sdk.log import mask_secret

USED = (Asset, RetryPolicy, mask_secret)


@dag(schedule=CronTriggerTimetable("@daily", timezone="UTC"))
def airflow_alone() -> None:
    @task
    def words() -> list[str]:
        return []

    @task
    def say(word: str) -> None: ...

    @task_group
    def each(word: str) -> None:
        say(word)

    S3CreateBucketOperator(task_id="bucket", bucket_name="bucket") >> each.expand(word=words())


airflow_alone()
