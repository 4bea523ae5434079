"""The supervisor's socket is out of others' reach."""

import os
from pathlib import Path

import pytest

from local.supervisor.socket_path import LONGEST, socket_of
from stock_ml.errors import HostError

LONG = Path("/") / ("x" * LONGEST)


def test_the_socket_stands_in_the_installations_own_folder() -> None:
    assert socket_of(Path("/short")) == Path("/short/supervisor.sock")


def test_where_the_path_is_too_long_it_stands_in_a_folder_of_the_owner_alone(tmp_path: Path) -> None:
    path = socket_of(LONG, tmp_path / "spare")
    assert path == socket_of(LONG, tmp_path / "spare")
    assert path != socket_of(LONG / "other", tmp_path / "spare")
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_lets_others_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spare").mkdir()
    (tmp_path / "spare").chmod(0o777)
    with pytest.raises(HostError, match="spare must be a folder that is yours alone"):
        socket_of(LONG, tmp_path / "spare")


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "spare").symlink_to(tmp_path / "own")
    with pytest.raises(HostError, match="yours alone"):
        socket_of(LONG, tmp_path / "spare")


def test_a_folder_of_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spare").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(HostError, match="yours alone"):
        socket_of(LONG, tmp_path / "spare")
