"""What MLflow's answers mean, asked over real HTTP."""

import os
from collections.abc import Iterator

import pytest

from local import ports, status
from local.first_training import has_champion
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.rest import champion, newest, tags
from stock_ml.adapters.mlflow.versions import versions
from stock_ml.config import load
from stock_ml.errors import RegistryRefused, RegistryUnavailable
from stock_ml.training.version_tags import training_config
from tests.adapters.answering import Answer, answering


@pytest.fixture
def mlflow() -> Iterator[Answer]:
    with answering() as answer:
        yield answer


def test_the_champion_is_told_with_its_tags(mlflow: Answer) -> None:
    mlflow.version("3", {"window": "30"})
    found = champion(load(mlflow_url=mlflow.url))
    assert found is not None
    assert (found.version, tags(found)) == ("3", {"window": "30"})


@pytest.mark.parametrize(("status", "code"), [(404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE")])
def test_no_such_model_and_no_such_alias_mean_that_there_is_none(mlflow: Answer, status: int, code: str) -> None:
    mlflow.status, mlflow.body = status, b'{"error_code": "%s"}' % code.encode()
    assert champion(load(mlflow_url=mlflow.url)) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error_code": "INTERNAL_ERROR"}'),
        (404, b"<html>"),
        (404, b'{"error_code": "ENDPOINT_NOT_FOUND"}'),
        (200, b"[]"),
        (200, b"<html>"),
    ],
)
def test_any_other_answer_is_an_error(mlflow: Answer, status: int, body: bytes) -> None:
    mlflow.status, mlflow.body = status, body
    with pytest.raises(RegistryUnavailable, match=f"{status}.*log"):
        has_champion(load(mlflow_url=mlflow.url))


@pytest.mark.parametrize(("status", "problem"), [(401, "rejects the login"), (403, "does not let this user do that")])
def test_a_login_that_is_refused_names_its_settings_and_shows_none_of_it(
    mlflow: Answer, status: int, problem: str
) -> None:
    mlflow.status, mlflow.body = status, b"You are not authenticated"
    s = load(mlflow_url=mlflow.url, mlflow_password="hidden-password")
    with pytest.raises(RegistryRefused, match=rf"{problem} \({status}\).*STOCKML_MLFLOW_PASSWORD") as told:
        champion(s)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize(
    "version",
    [
        b'{"version": "3", "run_id": null, "creation_timestamp": null}',
        b'{"version": 3, "creation_timestamp": "1700000000000"}',
        b'{"version": "3", "tags": [{"key": "skill", "value": 0.01}, {"key": "note"}], "metrics": [NaN]}',
    ],
)
def test_what_another_server_sends_as_null_or_number_is_read(mlflow: Answer, version: bytes) -> None:
    mlflow.status, mlflow.body = 200, b'{"model_version": %s}' % version
    found = champion(load(mlflow_url=mlflow.url))
    assert found is not None
    assert (found.version, found.run_id) == ("3", "")
    assert tags(found) in ({}, {"skill": "0.01", "note": ""})


def test_an_answer_without_what_is_needed_names_it(mlflow: Answer) -> None:
    mlflow.status, mlflow.body = 200, b'{"model_version": {"run_id": "a"}}'
    with pytest.raises(RegistryUnavailable, match=r"missing required field `version` - at `\$.model_version`"):
        champion(load(mlflow_url=mlflow.url))


def test_a_search_that_is_refused_is_an_error_and_not_an_empty_result(mlflow: Answer) -> None:
    mlflow.status, mlflow.body = 400, b'{"error_code": "INVALID_PARAMETER_VALUE"}'
    s = load(mlflow_url=mlflow.url)
    with pytest.raises(RegistryUnavailable, match="400"):
        newest(s)
    with pytest.raises(RegistryUnavailable, match="400"):
        versions(Registry.connect(s))


def test_a_registry_changes_no_setting_of_the_process() -> None:
    before = dict(os.environ)
    Registry.connect(load(), retries=3, timeout=60)
    assert dict(os.environ) == before


def test_where_nobody_answers_that_is_said() -> None:
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        champion(load(mlflow_url=f"http://127.0.0.1:{ports.free(1)[0]}"))


def test_the_status_names_the_model_of_this_installation(mlflow: Answer) -> None:
    mlflow.version("3", {})
    s = load(source="yahoo", mlflow_url=mlflow.url)
    assert status.champion(s) == "stock-close-yahoo version 3"
    mlflow.status, mlflow.body = 404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}'
    assert status.champion(s) == "none yet"


def test_a_champion_counts_where_its_tags_fit_the_settings(mlflow: Answer) -> None:
    s = load(source="sandbox", mlflow_url=mlflow.url)
    assert not has_champion(s)
    mlflow.version("3", training_config(s))
    assert has_champion(s)
    assert not has_champion(s.model_copy(update={"horizon": 2}))
