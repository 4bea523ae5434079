"""Secrets of an installation."""

from pathlib import Path

from pydantic import SecretStr

from local.private import keep_secrets, with_secrets, write_private
from stock_ml.config import load


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "deep" / "secret", "x")
    assert (tmp_path / "deep" / "secret").stat().st_mode & 0o777 == 0o600


def test_secrets_are_made_once_and_then_kept(tmp_path: Path) -> None:
    s = load(home=tmp_path)
    first = keep_secrets(s)
    assert keep_secrets(s) == first
    assert len(set(first.values())) == len(first)


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    one, other = load(home=tmp_path / "a"), load(home=tmp_path / "b")
    assert not set(keep_secrets(one).values()) & set(keep_secrets(other).values())


def test_a_secret_that_a_person_gave_is_used(tmp_path: Path) -> None:
    s = load(home=tmp_path, s3_access_key="mine")
    filled = with_secrets(s, keep_secrets(s))
    assert filled.s3_access_key == SecretStr("mine")
    assert filled.postgres_password is not None


def test_settings_never_show_a_secret(tmp_path: Path) -> None:
    s = load(home=tmp_path)
    kept = keep_secrets(s)
    assert not [value for value in kept.values() if value in repr(with_secrets(s, kept))]
