"""Secrets of an installation."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from local.secrets import SEAWEED_KEYS, are_lost, ensure_secrets, make_private_folder, with_secrets, write_private
from local.servers import mlflow
from local.servers.services import environment
from stock_ml.config import load
from stock_ml.errors import HostError
from tests.other_user import as_other_user, open_folder


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "deep" / "secret", "x")
    assert (tmp_path / "deep" / "secret").stat().st_mode & 0o777 == 0o600


def test_secrets_are_made_once_and_then_kept(tmp_path: Path) -> None:
    s = load(home=tmp_path)
    first = ensure_secrets(s)
    assert ensure_secrets(s) == first
    assert len(set(first.values())) == len(first)


def test_a_secret_that_an_older_installation_lacks_is_added_and_the_others_stay(tmp_path: Path) -> None:
    s = load(home=tmp_path)
    first = ensure_secrets(s)
    older = {name: value for name, value in first.items() if name not in SEAWEED_KEYS}
    write_private(s.state / "secrets.env", "".join(f"{name}={value}\n" for name, value in older.items()))
    updated = ensure_secrets(s)
    assert updated == ensure_secrets(s)
    assert {name: updated[name] for name in older} == older
    assert updated.keys() == first.keys()


def test_secrets_are_lost_where_there_are_data_without_them(tmp_path: Path) -> None:
    s = load(_env_file=None, home=tmp_path)
    assert not are_lost(s)
    (s.state / "postgres").mkdir(parents=True)
    assert are_lost(s)
    ensure_secrets(s)
    assert not are_lost(s)


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    one, other = load(home=tmp_path / "a"), load(home=tmp_path / "b")
    assert not set(ensure_secrets(one).values()) & set(ensure_secrets(other).values())


def test_a_secret_that_a_person_gave_is_used(tmp_path: Path) -> None:
    s = load(home=tmp_path, s3_access_key="mine")
    filled = with_secrets(s, ensure_secrets(s))
    assert filled.s3_access_key == SecretStr("mine")
    assert filled.postgres_password is not None


def test_settings_never_show_a_secret(tmp_path: Path) -> None:
    s = load(home=tmp_path)
    kept = ensure_secrets(s)
    assert not [value for value in kept.values() if value in repr(with_secrets(s, kept))]


def test_a_brought_s3_is_given_no_keys_of_ours(tmp_path: Path) -> None:
    s = load(home=tmp_path, s3_url="https://s3.amazonaws.com")
    filled = with_secrets(s, ensure_secrets(s))
    assert (filled.s3_access_key, filled.s3_secret_key) == (None, None)
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(mlflow.program(filled, ensure_secrets(filled)).env)


def test_a_brought_s3_without_keys_is_asked_with_those_of_aws_own_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    brought = load(home=tmp_path, s3_url="https://s3.amazonaws.com")
    for env in (environment(brought), mlflow.program(brought, ensure_secrets(brought)).env):
        assert env["AWS_PROFILE"] == "mine"
    assert "AWS_PROFILE" not in environment(load(home=tmp_path))


def test_a_folder_of_state_is_private_and_an_older_one_becomes_so(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    make_private_folder(state)
    assert state.stat().st_mode & 0o777 == 0o700
    state.chmod(0o755)
    make_private_folder(state)
    assert state.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="STOCKML_HOME names another"):
        make_private_folder(tmp_path / "file" / "state")


def test_another_user_reads_nothing_of_a_private_folder() -> None:
    with open_folder() as home:
        state = home / "sandbox"
        log = state / "logs" / "consumer.log"
        log.parent.mkdir(parents=True)
        log.write_text("what was logged")  # as older installations have it: 0644 below 0755
        assert as_other_user("cat", log).stdout == "what was logged"
        make_private_folder(state)
        for words in (("cat", log), ("ls", state), ("touch", state / "mine")):
            assert "Permission denied" in as_other_user(*words).stderr
