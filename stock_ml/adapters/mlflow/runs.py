"""The training runs in MLflow, kept in order: old ones archived, and those that a killed task left open ended."""

from collections.abc import Iterator
from datetime import UTC, datetime

from mlflow.entities import Run

from stock_ml.adapters.mlflow.registry import Registry, reached
from stock_ml.adapters.mlflow.versions import versions

PAGE = 1000
TRAINING = "training"  # tag of a nested run: the training that it is a part of


def archive(registry: Registry, experiment: str, keep: int) -> list[str]:
    """Archive the ended trainings older than the newest `keep`, and return their ids, newest first.

    What is nested below a training goes with it. A training is left whose version has an alias, or was replaced by one
    that has: a rollback goes there. MLflow shows what is archived under "Deleted", and restores it.
    Raises RegistryUnavailable.
    """
    used = _used(registry)
    with reached(registry.url):
        ended = list(_runs(registry, experiment, "attributes.status != 'RUNNING'"))
        trainings = [run.info.run_id for run in ended if TRAINING not in run.data.tags]
        gone = [run_id for run_id in trainings[keep:] if run_id not in used]
        below = [run.info.run_id for run in ended if run.data.tags.get(TRAINING) in gone]
        for run_id in (*below, *gone):
            registry.client.delete_run(run_id)
    return gone


def end_killed(registry: Registry, experiment: str, before: float) -> list[str]:
    """End as KILLED the runs still open that started before then, in UTC epoch seconds, and return their ids.

    What kills a task leaves it no time to end its run. Raises RegistryUnavailable.
    """
    told = f"no task holds it any more: it was killed; told {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    open_ = f"attributes.status = 'RUNNING' and attributes.start_time < {int(before * 1000)}"
    with reached(registry.url):
        left = [run.info.run_id for run in _runs(registry, experiment, open_)]
        for run_id in left:
            registry.client.set_tag(run_id, "reason", told)
            registry.client.set_terminated(run_id, "KILLED")
    return left


def _used(registry: Registry) -> set[str]:
    known = versions(registry)
    serving = [version for version in known if version.aliases]
    numbers = {version.tags.get("replaced") for version in serving} | {version.number for version in serving}
    return {version.run_id for version in known if version.number in numbers}


def _runs(registry: Registry, experiment: str, which: str) -> Iterator[Run]:
    """Yield an experiment's runs that are not archived, newest first."""
    found = registry.client.get_experiment_by_name(experiment)
    token = None if found else ""
    while found and token != "":
        page = registry.client.search_runs(
            [found.experiment_id], which, max_results=PAGE, order_by=["attributes.start_time DESC"], page_token=token
        )
        yield from page
        token = page.token or ""
