"""The training runs in MLflow, kept in order: old ones archived, and those that a killed task left open ended."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from stock_ml.adapters.mlflow.records import LoggedModelInfo, Run
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.rest import tags
from stock_ml.adapters.mlflow.versions import versions

PAGE, MODELS = 1000, 50  # of a page of runs, and of models: as many as MLflow allows
ACTIVE, DELETED = "ACTIVE_ONLY", "DELETED_ONLY"  # which runs a search finds
TRAINING = "training"  # tag of a nested run: the training that it is a part of


def archive(registry: Registry, experiment: str, keep: int) -> list[str]:
    """Archive the ended trainings older than the newest `keep`, and return their ids, newest first.

    What is nested below a training goes with it. A training is left whose version has an alias, or was replaced by one
    that has: a rollback goes there. MLflow shows what is archived under "Deleted", and restores it.
    Raises RegistryUnavailable.
    """
    used = _used(registry)
    ended = list(_runs(registry, experiment, "attributes.status != 'RUNNING'"))
    trainings = [run.info.run_id for run in ended if TRAINING not in tags(run.data)]
    gone = [run_id for run_id in trainings[keep:] if run_id not in used]
    below = [run.info.run_id for run in ended if tags(run.data).get(TRAINING) in gone]
    for run_id in (*below, *gone):
        registry.api.post("runs/delete", {"run_id": run_id})
    return gone


def end_killed(registry: Registry, experiment: str, before: float) -> list[str]:
    """End as KILLED the runs still open that started before then, in UTC epoch seconds, and return their ids.

    What kills a task leaves it no time to end its run. Raises RegistryUnavailable.
    """
    reason = f"no task holds it any more: it was killed; told {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    open_ = f"attributes.status = 'RUNNING' and attributes.start_time < {int(before * 1000)}"
    left = [run.info.run_id for run in _runs(registry, experiment, open_)]
    for run_id in left:
        registry.api.post("runs/set-tag", {"run_id": run_id, "key": "reason", "value": reason})
        registry.api.post("runs/update", {"run_id": run_id, "status": "KILLED", "end_time": int(time.time() * 1000)})
    return left


def restore_used(registry: Registry, experiment: str) -> list[str]:
    """Take the runs out of MLflow's "Deleted" that a version with an alias, or a rollback, needs; return their ids.

    Raises RegistryUnavailable.
    """
    found = [run.info.run_id for run in _runs(registry, experiment, "", DELETED)]
    needed = sorted(_used(registry).intersection(found))
    for run_id in needed:
        registry.api.post("runs/restore", {"run_id": run_id})
    return needed


def any_archived(registry: Registry, experiment: str) -> bool:
    """Say whether a run of the experiment is archived. Raises RegistryUnavailable."""
    return next(_runs(registry, experiment, "", DELETED), None) is not None


def forget_orphans(registry: Registry, experiment: str) -> list[str]:
    """Delete the versions and the models' files whose run is gone for good, and return the versions' numbers.

    The files stay in MLflow's "Deleted" first. Raises RegistryUnavailable.
    """
    used, models = _used(registry), list(_models(registry, experiment))  # before the runs: a training may go on
    known = [version for version in versions(registry) if version.run_id not in used]
    named = {version.run_id for version in known} | {model.source_run_id for model in models} - used
    gone = {run_id for run_id in named if run_id and _is_gone(registry, run_id)}
    orphans = [version.number for version in known if version.run_id in gone]
    for number in orphans:
        registry.withdraw(number)
    for model in models:
        if model.source_run_id in gone:
            registry.api.delete(f"logged-models/{model.model_id}", {})
    return orphans


def _is_gone(registry: Registry, run_id: str) -> bool:
    return registry.api.find("runs/get", {"run_id": run_id}).run is None


def _models(registry: Registry, experiment: str) -> Iterator[LoggedModelInfo]:
    found = registry.api.find("experiments/get-by-name", {"experiment_name": experiment}).experiment
    token: str | None = None
    while found and token != "":
        search = {"experiment_ids": [found.experiment_id], "max_results": MODELS, "page_token": token}
        page = registry.api.post("logged-models/search", search)
        yield from (model.info for model in page.models)
        token = page.next_page_token


def _used(registry: Registry) -> set[str]:
    known = versions(registry)
    serving = [version for version in known if version.aliases]
    numbers = {version.tags.get("replaced") for version in serving} | {version.number for version in serving}
    return {version.run_id for version in known if version.number in numbers}


def _runs(registry: Registry, experiment: str, condition: str, view: str = ACTIVE) -> Iterator[Run]:
    """Yield an experiment's runs, newest first: those that are not archived, or DELETED, the others."""
    found = registry.api.find("experiments/get-by-name", {"experiment_name": experiment}).experiment
    token: str | None = None
    while found and token != "":
        search = {"experiment_ids": [found.experiment_id], "filter": condition, "max_results": PAGE}
        order = {"order_by": ["attributes.start_time DESC"], "page_token": token, "run_view_type": view}
        page = registry.api.post("runs/search", search | order)
        yield from page.runs
        token = page.next_page_token
