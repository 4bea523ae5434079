"""Airflow's REST API, as far as starting the product needs it."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import requests

from local.servers.airflow import address
from stock_ml.config import Settings
from stock_ml.domain.json_object import JsonObject
from stock_ml.errors import HostError, StockMLError

SECONDS = 30
Query = Mapping[str, str | int | bool]
Body = Mapping[str, object]
LOG_HINT = "see `make logs NAME=airflow-api-server`"


class AirflowUnavailable(HostError):
    """Report that Airflow's api-server does not answer."""


class AirflowFault(HostError):
    """Report that Airflow's api-server answers a request with an error of its own."""


class PipelineFailed(StockMLError):
    """Report the task that failed, with its last words."""


class DagRun(TypedDict):
    """Name a run and say how it goes; times are ISO 8601."""

    dag_run_id: str
    state: str
    run_type: str
    queued_at: str
    end_date: str | None


class TaskInstance(TypedDict):
    """Name one task of a run, `map_index` -1 where it is not mapped, and say how it goes."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int
    try_number: int
    state: str | None
    start_date: str | None
    end_date: str | None


class ErrorDetail(TypedDict):
    """Describe an exception."""

    exc_type: str
    exc_value: str


class LogEvent(TypedDict):
    """Hold one line of a task's log; `action` and `reason` are what the retry policy decided."""

    event: str
    level: NotRequired[str]
    action: NotRequired[str]
    reason: NotRequired[str]
    error_detail: NotRequired[list[ErrorDetail]]


class Airflow:
    """Trigger DAGs and read how their runs went, as the admin; `user` may be viewer, who only reads."""

    def __init__(self, s: Settings, secrets: Mapping[str, str], user: str = "admin") -> None:
        self._api = f"{address(s)}/api/v2"
        self._login = {"username": user, "password": secrets[f"AIRFLOW_{user.upper()}_PASSWORD"]}
        self._tokens = f"{address(s)}/auth/token"
        self._session = requests.Session()

    def is_ready(self, dag: str) -> bool:
        """Say whether the scheduler is healthy and the DAG is known."""
        try:
            health = self._send("GET", f"{self._api}/monitor/health")
            healthy = health.ok and health.json()["scheduler"]["status"] == "healthy"
            return healthy and bool(self.get(f"dags/{dag}"))
        except AirflowUnavailable:
            return False

    def trigger(self, dag: str, note: str = "", form: Mapping[str, object] | None = None) -> str:
        """Start a run, with a note that the UI shows beside it and a filled-in form, and return its id."""
        body = {"logical_date": None, "note": note, "conf": dict(form or {})}
        return str(self.request("POST", f"dags/{dag}/dagRuns", body=body)["dag_run_id"])

    def runs(self, dag: str, limit: int = 10) -> list[DagRun]:
        """Return the newest runs, newest first."""
        query: Query = {"order_by": "-run_after", "limit": limit}
        return list(self.get(f"dags/{dag}/dagRuns", query).get("dag_runs", []))

    def state(self, dag: str, run: str) -> str:
        """Return a run's state: queued, running, success or failed."""
        return str(self.get(f"dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> list[TaskInstance]:
        """Return a run's task instances."""
        return list(self.get(f"dags/{dag}/dagRuns/{run}/taskInstances", {"limit": 500})["task_instances"])

    def successful_tasks(self, dag: str, run: str) -> set[str]:
        """Return the ids of a run's tasks of which an instance ended well."""
        return {task["task_id"] for task in self.tasks(dag, run) if task["state"] == "success"}

    def failure_reason(self, dag: str, run: str) -> str:
        """Return the last log line of the first task that failed."""
        failed = [t for t in self.tasks(dag, run) if t["state"] == "failed"]
        if not failed:
            return "no task of it failed"
        try:
            events = [line for line in self._log(failed[0]) if line.get("level") in ("error", "critical")]
        except AirflowFault as error:
            return f"task {failed[0]['task_id']}: Airflow cannot read its log ({error})"
        return f"task {failed[0]['task_id']}: {_error_message(events[-1]) if events else 'its log holds no error'}"

    def waiting_reason(self, dag: str) -> str:
        """Return the last log line of a task that waits for the source's next day, "" where none does.

        A log that Airflow cannot read tells of no such task: the bucket of the logs may not be there yet.
        """
        tasks = self.get(f"dags/{dag}/dagRuns/~/taskInstances", {"state": "up_for_retry"}).get("task_instances", [])
        decisions = [(task["task_id"], self._decisions(task)[-1:]) for task in tasks]
        waits = [
            f"task {name}: {line['reason']}" for name, lines in decisions for line in lines if line["action"] == "retry"
        ]
        return waits[0] if waits else ""

    def _decisions(self, task: TaskInstance) -> list[LogEvent]:
        try:
            return [line for line in self._log(task) if "action" in line]
        except AirflowFault:
            return []

    def _log(self, task: TaskInstance) -> list[LogEvent]:
        run = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        query: Query = {"map_index": task["map_index"], "full_content": True}
        lines: list[LogEvent | str] = self.get(path, query).get("content", [])
        return [line for line in lines if not isinstance(line, str)]

    def get(self, path: str, query: Query | None = None) -> JsonObject:
        """Read one resource, empty where there is none."""
        return self.request("GET", path, query)

    def request(self, method: str, path: str, query: Query | None = None, body: Body | None = None) -> JsonObject:
        """Send a request, and return the response, empty where there is no such resource."""
        response = self._send(method, f"{self._api}/{path}", query, body)
        if response.status_code == requests.codes.unauthorized:
            self._sign_in()
            response = self._send(method, f"{self._api}/{path}", query, body)
        if response.status_code == requests.codes.not_found:
            return {}
        if not response.ok:
            fault = AirflowFault if response.status_code >= requests.codes.server_error else HostError
            raise fault(f"Airflow answers {response.status_code} to {method} {path}: {response.text[:300]}")
        return dict(response.json())

    def _send(self, method: str, url: str, query: Query | None = None, body: Body | None = None) -> requests.Response:
        try:
            return self._session.request(method, url, params=query, json=body, timeout=SECONDS)
        except requests.RequestException as error:
            raise AirflowUnavailable(f"Airflow at {url} does not answer: {error}; {LOG_HINT}") from error

    def _sign_in(self) -> None:
        response = self._send("POST", self._tokens, body=self._login)
        if not response.ok:
            raise HostError(f"Airflow does not let {self._login['username']} in ({response.status_code}): {LOG_HINT}")
        self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"


def _error_message(event: LogEvent) -> str:
    details = event.get("error_detail") or []
    if details and details[0].get("exc_value"):
        return f"{details[0]['exc_type']}: {details[0]['exc_value']}"
    return event.get("event", "")
