"""Which version is champion, and the way back, on a real MLflow server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.rest import newest
from stock_ml.adapters.mlflow.versions import promote, rollback, versions
from stock_ml.config import Settings
from stock_ml.errors import ModelError, Overtaken
from stock_ml.training import promotion_guard
from stock_ml.training.version_tags import DECIDED_UNTIL, training_config
from tests.mlflow_library import library

US = "a test"


@pytest.fixture
def own(mlflow_server: Settings) -> Settings:
    return mlflow_server.model_copy(update={"mlflow_model": f"m{uuid4().hex[:8]}"})


@pytest.fixture
def registry(own: Settings) -> Iterator[Registry]:
    """A registry of three versions, promoted one after the other."""
    found = Registry.connect(own)
    library(found).create_registered_model(found.model)
    for number in ("1", "2", "3"):
        library(found).create_model_version(found.model, f"s3://nowhere/{number}")
        promote(found, number, US)
    yield found
    library(found).delete_registered_model(found.model)


def champion(registry: Registry) -> str:
    found = registry.champion()
    assert found is not None
    return found.version


def test_each_rollback_goes_one_further_back_until_there_is_none(registry: Registry) -> None:
    assert rollback(registry, US) == ("3", "2")
    assert rollback(registry, US) == ("2", "1")
    with pytest.raises(ModelError, match="version 1 replaced none: there is nothing to go back to"):
        rollback(registry, US)
    assert champion(registry) == "1"


def test_tags_tell_who_decided_what_and_when(registry: Registry) -> None:
    rollback(registry, "somebody")
    tags = {version.number: version.tags for version in versions(registry)}
    assert (tags["2"]["promoted_by"], tags["2"]["restored_from"], tags["2"]["replaced"]) == ("somebody", "3", "1")
    assert tags["3"]["replaced"] == "2"
    assert tags["2"]["promoted_at"] >= tags["3"]["promoted_at"]
    assert [version.number for version in versions(registry)] == ["3", "2", "1"]
    assert {version.number: version.aliases for version in versions(registry)} == {"3": [], "2": ["champion"], "1": []}


def test_a_version_that_is_not_there_is_neither_promoted_nor_gone_back_to(registry: Registry) -> None:
    with pytest.raises(ModelError, match=r"has no version '9'; there are: 3, 2, 1"):
        promote(registry, "9", US)
    library(registry).delete_model_version(registry.model, "2")
    with pytest.raises(ModelError, match="version 2, which version 3 replaced, was deleted: promote another"):
        rollback(registry, US)
    assert champion(registry) == "3"


def test_promoting_the_champion_again_forgets_not_what_it_replaced(registry: Registry) -> None:
    assert promote(registry, "3", US) is None
    assert rollback(registry, US) == ("3", "2")


def registered(registry: Registry) -> str:
    made = library(registry).create_model_version(registry.model, "s3://nowhere/new")
    return str(made.version)


def test_a_version_counts_as_newest_once_its_training_ended_well(registry: Registry, own: Settings) -> None:
    """Else the retry of a training that was killed before the alias would find nothing left to do."""
    run = library(registry).create_run("0")
    library(registry).create_model_version(registry.model, "s3://nowhere/4", run.info.run_id)
    assert newest(own).version == "3"
    for status, version in (("FAILED", "3"), ("KILLED", "3"), ("FINISHED", "4")):
        library(registry).set_terminated(run.info.run_id, status)
        assert newest(own).version == version


def test_a_version_that_never_was_to_serve_uses_up_no_session(registry: Registry, own: Settings) -> None:
    told = training_config(own) | {DECIDED_UNTIL: "9"}
    library(registry).create_model_version(registry.model, "s3://nowhere/4", tags=told)
    assert promotion_guard.incumbent(own, registry, None).decided_until is None
    registry.challenge("4")
    assert promotion_guard.incumbent(own, registry, None).decided_until == 9
    registry.promote("4")
    registry.promote("3")
    assert promotion_guard.incumbent(own, registry, None).decided_until == 9


def test_of_decisions_at_once_one_stands_and_none_of_the_others_is_left(registry: Registry) -> None:
    start = promotion_guard.registry_state(registry)

    def decided(_: int) -> str | None:
        made = registered(registry)
        try:
            promotion_guard.withdraw_if_overtaken(registry, start, made)
        except Overtaken:
            return None
        registry.promote(made)
        return made

    with ThreadPoolExecutor(4) as together:
        stands = [made for made in together.map(decided, range(4)) if made]
    assert (len(stands), champion(registry)) == (1, stands[0])
    assert [version.number for version in versions(registry)] == [stands[0], "3", "2", "1"]
    assert rollback(registry, US) == (stands[0], "3")


def test_a_training_does_not_undo_what_a_person_decided_meanwhile(registry: Registry) -> None:
    start = promotion_guard.registry_state(registry)
    rollback(registry, US)
    with pytest.raises(Overtaken, match="made version 2 champion instead of 3"):
        promotion_guard.withdraw_if_overtaken(registry, start, registered(registry))
    assert (champion(registry), len(versions(registry))) == ("2", 3)
