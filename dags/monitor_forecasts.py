"""### Monitoring: are the live forecasts still any good?

**monitor** evaluates the version that serves over its newest sessions: skill against the last price, the intervals'
coverage, and drift: how far the features of whole sessions after its training are from those trained on (PSI), beyond
the worst that as many sessions of the training had. Every report is stored in PostgreSQL. Past a limit
(`STOCKML_MONITOR_…`) an alert goes to Kafka, and `train_model` starts at once. One alert is open until a version was
registered after it, and is published again at each evaluation; the next one waits until as many sessions have closed
as are evaluated.

**see_clean** fails where the bars of a session are not clean two hours after its close, also when `ingest_bars` never
ran.

**compare_live_bars** compares the live bars of the newest session whose clean bars reach its end with these, once, and
keeps the figures. Where the bars of a session become clean after this ran, the next run compares them.

With a real source it runs every five minutes of a session and once two hours after its close, where bars are simulated
or replayed after each session that closed.
"""

from airflow.sdk import dag, task

from dags import schedules
from dags.task_defaults import dag_rules, task_settings
from stock_ml.domain.json_object import JsonObject


@dag(schedule=schedules.monitor_forecasts(), doc_md=__doc__, **dag_rules("monitor_forecasts"))
def monitor_forecasts() -> None:
    @task
    def monitor() -> JsonObject:
        from stock_ml.monitoring import monitor

        return dict(monitor.monitor(task_settings()))

    @task
    def see_clean() -> None:
        from stock_ml.monitoring import freshness

        freshness.check_clean(task_settings(), minutes=120)

    @task
    def compare_live_bars() -> JsonObject:
        from stock_ml.monitoring import live_bars

        report = live_bars.compare_live_bars(task_settings())
        return report._asdict() if report else {}

    monitor()
    see_clean()
    compare_live_bars()


monitor_forecasts()
