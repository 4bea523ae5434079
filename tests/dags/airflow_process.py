"""Say as JSON what Airflow makes of the project; runs as a process of its own, so that nothing else is imported."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("mlflow", "pandas", "numpy", "pyspark", "pyarrow", "exchange_calendars")


def parse(*sources: str) -> dict[str, Any]:
    """Parse the folder of DAGs as an installation of each source would."""
    from airflow.dag_processing.dagbag import DagBag

    DagBag(ROOT / "tests" / "dags" / "airflow_alone.py")
    before, found = set(sys.modules), {}
    for source in sources:
        os.environ |= {"STOCKML_SOURCE": source, "STOCKML_CSV_PATH": "GOOGL.csv"}
        start = time.process_time()
        bag = DagBag(ROOT / "dags")
        found[source] = {
            "seconds": time.process_time() - start,
            "errors": bag.import_errors,
            "dags": {name: _described(dag) for name, dag in bag.dags.items()},
        }
    return found | {"imported": _heavy(before)}


def plugins() -> dict[str, Any]:
    """Load the plugins as the api-server does."""
    from airflow import plugins_manager

    before = set(sys.modules)
    views = {p["name"]: p["external_views"] for p in plugins_manager.get_plugin_info(["name", "external_views"])}
    return {"views": views, "errors": plugins_manager.get_import_errors(), "imported": _heavy(before)}


def sessions(first: str, last: str, exchange: str = "XNYS") -> dict[str, Any]:
    """List the runs of the timetable between two days, as Airflow keeps it in its database and as backfills do."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction
    from pendulum import parse as day
    from trading_sessions import TradingSessions

    dag = DAG("sessions", schedule=TradingSessions(exchange, minutes=90))
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    runs = [
        [info.run_after.isoformat(), *(edge.isoformat() for edge in info.data_interval)]
        for info in kept.iter_dagrun_infos_between(day(first), day(last))
    ]
    restriction = TimeRestriction(None, None, catchup=False)
    ahead = kept.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    closed = kept.timetable.infer_manual_data_interval(run_after=day("2021-11-26T18:30:00"))
    words = [kept.timetable.description, kept.timetable.summary]
    next_at = ahead and ahead.run_after.timestamp()
    return {"runs": runs, "ahead": next_at, "manual": closed.start.isoformat(), "words": words}


def within(first: str, last: str, exchange: str = "XNYS") -> dict[str, Any]:
    """List the moments of the other timetable between two times, as Airflow keeps it in its database."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization
    from pendulum import parse as time
    from trading_sessions import WithinSessions

    dag = DAG("within", schedule=WithinSessions(exchange, every=5, after=120))
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    runs = [info.run_after.isoformat() for info in kept.iter_dagrun_infos_between(time(first), time(last))]
    return {"runs": runs, "words": kept.timetable.description}


class Store(dict[str, Any]):
    """Stand for what Airflow keeps of a task from one try to the next."""

    set = dict.__setitem__


class Instance:
    """Stand for a task's instance, and hold what it left for other tasks."""

    map_index = 3

    def __init__(self) -> None:
        self.left: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.left[key] = value


def decide(tries: str = "[[1, 7]]") -> dict[str, Any]:
    """Let a task fail by each error, of the project and one other, in tries given as pairs of number and maximum.

    Return for each error what is decided at the last try: action, reason, seconds, XComs.
    """
    from stock_ml import errors

    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    return {kind.__name__: _decided(kind("why"), json.loads(tries)) for kind in (*kinds, ValueError)}


def fail(tries: str) -> dict[str, Any]:
    """Let a task fail in tries given as triples of error, number and maximum, and return the action at each."""
    from stock_ml import errors

    store, found = Store(), list[str]()
    for name, number, most in json.loads(tries):
        found.append(_decision(getattr(errors, name)("why"), number, most, store, Instance()).action.value)
    return {"actions": found}


def fail_batch(tries: str) -> dict[str, Any]:
    """Let a batch fail in tries given as triples of errors by symbol ("" is the whole task's), number and maximum.

    Return the action at each, which symbols are not tried again after it, and the XComs of the last one.
    """
    from dags.symbol_retries import BySymbol
    from dags.symbol_tries import read, reasons
    from stock_ml import errors

    store, actions, given_up = Store(), list[str](), list[list[str]]()
    for failed, number, most in json.loads(tries):
        found = {symbol: getattr(errors, name)("why") for symbol, name in failed.items()}
        error, ti = found.get("") or errors.BatchFailed.of(found, 5, 0), Instance()
        context: Any = {"task_state_store": store, "ti": ti}
        actions.append(BySymbol().evaluate(error, number, most, context).action.value)
        given_up.append(sorted(reasons(read(context, most))))
    return {"actions": actions, "given_up": given_up, "left": ti.left}


def _decided(error: Exception, tries: list[list[int]]) -> list[Any]:
    store = Store()
    for number, most in tries:
        ti = Instance()
        d = _decision(error, number, most, store, ti)
    seconds = d.retry_delay.total_seconds() if d.retry_delay else None
    return [d.action.value, d.reason, seconds, ti.left]


def _decision(error: Exception, number: int, most: int, store: Store, ti: Instance) -> Any:
    from dags.retries import ByKindOfError

    return ByKindOfError().evaluate(error, number, most, {"task_state_store": store, "ti": ti})


def triggers() -> dict[str, Any]:
    """Return what `train_model` makes of asset events: of none, of alerts and clean bars, of those of a backfill."""
    from dags.assets import CLEAN_BARS, RETRAINING_WANTED
    from dags.events import training_trigger
    from stock_ml.evaluation.live_performance import Alert

    times = [SimpleNamespace(extra={"backfill": n > 0}, timestamp=datetime.fromtimestamp(n, UTC)) for n in range(3)]
    alerts = [
        SimpleNamespace(extra={"payload": Alert("skill", why, "7", 1.0, 2.0)._asdict()}) for why in ("skill", "drift")
    ]
    given = {
        "person": None,
        "alerts": {RETRAINING_WANTED: alerts, CLEAN_BARS: times[:1]},
        "backfill": {CLEAN_BARS: [times[2], times[1], times[0]]},
    }
    return {name: asdict(training_trigger(events, _Queue(3))) for name, events in given.items()}


class _Queue:
    """Stand for a task's instance that counts runs."""

    def __init__(self, queued: int) -> None:
        self._queued = queued

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        return self._queued if (dag_id, states) == ("ingest_bars", ["queued"]) else 0


def newest() -> dict[str, Any]:
    """Return what the newest of an asset's events tells, and what no event does."""
    from dags.assets import MODEL
    from dags.events import newest as newest_of

    events = {MODEL: [SimpleNamespace(extra={"version": number}) for number in ("6", "7")]}
    return {"newest": newest_of(events, MODEL), "none": [newest_of({}, MODEL), newest_of(None, MODEL)]}


def run(dag_id: str, form: str = "{}") -> dict[str, Any]:
    """Run a DAG once with a filled-in form, its tasks one after the other in this process; tell why it is refused."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import ParamValidationError

    try:
        done = DagBag(ROOT / "dags").dags[dag_id].test(run_conf=json.loads(form))
    except (ParamValidationError, ValueError) as error:
        return {"state": "refused", "reason": str(error)}
    tasks = [
        {"task": t.task_id, "symbol": t.rendered_map_index, "state": str(t.state), "tries": t.try_number}
        for t in done.get_task_instances()
    ]
    return {"state": str(done.state), "run_id": done.run_id, "tasks": tasks, "events": _events(done)}


def refusals(dag_id: str, forms: str) -> dict[str, Any]:
    """Give a DAG one form after the other, none of which it may take, and tell why each is refused."""
    return {str(i): run(dag_id, json.dumps(form)) for i, form in enumerate(json.loads(forms))}


def workers() -> dict[str, Any]:
    """Start the executor as the scheduler does: what its workers map of others' libraries, and import of ours."""
    from preloaded_executor import LIBRARIES, PreloadedExecutor

    before = set(sys.modules)
    executor = PreloadedExecutor(parallelism=2)
    executor.start()
    maps = [Path(f"/proc/{worker}/maps").read_text() for worker in executor.workers]
    executor.end()
    ours = sorted(name for name in set(sys.modules) - before if (ROOT / name.split(".")[0]).is_dir())
    return {"missing": sorted(set(LIBRARIES) - set(sys.modules)), "maps": ["pandas/" in m for m in maps], "ours": ours}


def _events(run: Any) -> list[dict[str, Any]]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).all()
        return [{"asset": event.asset.name, "extra": event.extra} for event in found]


def _heavy(before: set[str]) -> list[str]:
    return sorted(name for name in set(sys.modules) - before if name.split(".")[0] in HEAVY)


def _described(dag: Any) -> dict[str, Any]:
    from airflow.serialization.serialized_objects import DagSerialization

    DagSerialization.to_dict(dag)
    return {
        "shown": dag.dag_display_name,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md or "",
        "timetable": type(dag.timetable).__name__,
        "catchup": dag.catchup,
        "at_once": dag.max_active_runs,
        "file": Path(dag.fileloc).name,
        "form": {name: param.schema | {"value": param.value} for name, param in dag.params.items()},
        "tasks": {task.task_id: _task(task) for task in dag.tasks},
    }


def _task(task: Any) -> dict[str, Any]:
    return {
        "owner": task.owner,
        "retries": task.retries,
        "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "policy": type(task.retry_policy).__name__,
        "rule": task.trigger_rule.value,
        "after": sorted(task.upstream_task_ids),
        "outlets": [asset.name for asset in task.outlets],
    }


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    f.__name__: f
    for f in (parse, plugins, sessions, within, decide, fail, fail_batch, triggers, newest, run, refusals, workers)
}

if __name__ == "__main__":
    command, answer, *words = sys.argv[1:]
    Path(answer).write_text(json.dumps(COMMANDS[command](*words)))
