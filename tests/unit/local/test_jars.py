"""Only jars with the pinned bytes come into the folder."""

import hashlib
from pathlib import Path

import pytest
from tenacity import wait_none

from local import jars
from stock_ml.errors import HostError

GOOD = b"the pinned bytes"


@pytest.fixture
def fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one jar, and a Java that fetches for it what stands in the file that is returned."""
    (tmp_path / "one.lock").write_text(f"org one 1.0 {hashlib.sha256(GOOD).hexdigest()}\n")
    monkeypatch.setattr(jars, "LOCKS", tmp_path)
    monkeypatch.setattr(jars, "AGAIN", jars.AGAIN.copy(wait=wait_none()))
    program = tmp_path / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n/bin/cp '{tmp_path / 'served'}' one-1.0.jar\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    return tmp_path / "served"


def test_a_jar_with_the_pinned_bytes_is_kept(fetching: Path, tmp_path: Path) -> None:
    fetching.write_bytes(GOOD)
    folder = jars.fetch("one", tmp_path / "jars")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one-1.0.jar": GOOD}


def test_a_jar_with_other_bytes_is_refused_by_name_and_leaves_nothing(fetching: Path, tmp_path: Path) -> None:
    fetching.write_bytes(b"others")
    with pytest.raises(HostError, match=r"one-1\.0\.jar was not fetched as pinned"):
        jars.fetch("one", tmp_path / "jars")
    assert list((tmp_path / "jars" / "one").iterdir()) == []


def test_a_damaged_jar_is_fetched_again(fetching: Path, tmp_path: Path) -> None:
    fetching.write_bytes(GOOD)
    kept = jars.fetch("one", tmp_path / "jars") / "one-1.0.jar"
    kept.write_bytes(GOOD[:-1])
    jars.fetch("one", tmp_path / "jars")
    assert kept.read_bytes() == GOOD


def test_what_is_there_is_not_fetched(fetching: Path, tmp_path: Path) -> None:
    kept = tmp_path / "jars" / "one" / "one-1.0.jar"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(GOOD)
    jars.fetch("one", tmp_path / "jars")


def test_a_fetch_that_fails_is_told(fetching: Path, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"Ivy could not fetch the jars: .*served"):
        jars.fetch("one", tmp_path / "jars")
