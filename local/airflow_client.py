"""Airflow's REST API, as far as starting the product needs it."""

from collections.abc import Mapping
from typing import Any

import requests

from local.servers.airflow import address
from stock_ml.config import Settings
from stock_ml.errors import HostError, StockMLError

SECONDS = 30
LOG = "see `make logs NAME=airflow-api-server`"


class AirflowAway(HostError):
    """Report that Airflow's api-server does not answer."""


class PipelineFailed(StockMLError):
    """Report the task that failed, with its last words."""


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
        except AirflowAway:
            return False

    def trigger(self, dag: str, note: str = "", form: Mapping[str, Any] | None = None) -> str:
        """Start a run, with a note that the UI shows beside it and a filled-in form, and return its id."""
        body = {"logical_date": None, "note": note, "conf": dict(form or {})}
        return str(self._ask("POST", f"dags/{dag}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return the newest runs, newest first."""
        query = {"order_by": "-run_after", "limit": limit}
        return list(self.get(f"dags/{dag}/dagRuns", query).get("dag_runs", []))

    def state(self, dag: str, run: str) -> str:
        """Return a run's state: queued, running, success or failed."""
        return str(self.get(f"dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Return a run's task instances."""
        return list(self.get(f"dags/{dag}/dagRuns/{run}/taskInstances", {"limit": 500})["task_instances"])

    def succeeded(self, dag: str, run: str) -> set[str]:
        """Return the ids of a run's tasks of which an instance ended well."""
        return {task["task_id"] for task in self.tasks(dag, run) if task["state"] == "success"}

    def why_failed(self, dag: str, run: str) -> str:
        """Return the last log line of the first task that failed."""
        failed = [t for t in self.tasks(dag, run) if t["state"] == "failed"]
        if not failed:
            return "no task of it failed"
        events = [line for line in self._log(failed[0]) if line.get("level") in ("error", "critical")]
        return f"task {failed[0]['task_id']}: {_reason(events[-1]) if events else 'its log holds no error'}"

    def why_waits(self, dag: str) -> str:
        """Return the last words of a task that waits for the source's next day; nothing where none does."""
        tasks = self.get(f"dags/{dag}/dagRuns/~/taskInstances", {"state": "up_for_retry"}).get("task_instances", [])
        decided = [(task["task_id"], [line for line in self._log(task) if "action" in line][-1:]) for task in tasks]
        waits = [
            f"task {name}: {line['reason']}" for name, lines in decided for line in lines if line["action"] == "retry"
        ]
        return waits[0] if waits else ""

    def _log(self, task: Mapping[str, Any]) -> list[dict[str, Any]]:
        place = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        words = {"map_index": task["map_index"], "full_content": True}
        log = self.get(f"{place}/logs/{task['try_number']}", words).get("content", [])
        return [line for line in log if isinstance(line, dict)]

    def questions(self, dag: str) -> list[dict[str, Any]]:
        """Return the task instances of a DAG that wait for a person's answer.

        One that has asked and does not wait yet is left out: Airflow keeps an answer to it, and never goes on. Answer
        none within seconds of its `start_date`: its scheduler may hear of the end of the process that asked only after
        the answer, takes it for the end of the one that goes on, and fails the task.
        """
        found = self.get(f"dags/{dag}/dagRuns/~/hitlDetails", {"response_received": False})
        asked = [question["task_instance"] for question in found["hitl_details"]]
        return [task for task in asked if task["state"] == "awaiting_input"]

    def answer(self, task: Mapping[str, Any], option: str) -> None:
        """Answer what a task instance asks a person."""
        run = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        place = f"{run}/taskInstances/{task['task_id']}/-1/hitlDetails"
        self._ask("PATCH", place, json={"chosen_options": [option], "params_input": {}})

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Read one thing; nothing where there is none."""
        return self._ask("GET", path, params=query)

    def _ask(self, verb: str, path: str, **rest: Any) -> dict[str, Any]:
        answer = self._send(verb, f"{self._api}/{path}", **rest)
        if answer.status_code == requests.codes.unauthorized:
            self._sign_in()
            answer = self._send(verb, f"{self._api}/{path}", **rest)
        if answer.status_code == requests.codes.not_found:
            return {}
        if not answer.ok:
            raise HostError(f"Airflow answers {answer.status_code} to {verb} {path}: {answer.text[:300]}")
        return dict(answer.json())

    def _send(self, verb: str, url: str, **rest: Any) -> requests.Response:
        try:
            return self._session.request(verb, url, timeout=SECONDS, **rest)
        except requests.RequestException as error:
            raise AirflowAway(f"Airflow at {url} does not answer: {error}; {LOG}") from error

    def _sign_in(self) -> None:
        answer = self._send("POST", self._tokens, json=self._login)
        if not answer.ok:
            raise HostError(f"Airflow does not let {self._login['username']} in ({answer.status_code}): {LOG}")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _reason(event: dict[str, Any]) -> str:
    details = event.get("error_detail") or []
    if details and details[0].get("exc_value"):
        return f"{details[0]['exc_type']}: {details[0]['exc_value']}"
    return str(event.get("event", ""))
