"""Which Java is used, and what is said where there is none that will do."""

from pathlib import Path

import pytest

from stock_ml.adapters import host
from stock_ml.errors import HostError


def put(home: Path, said: str) -> Path:
    """Make a java that tells its version as the real one does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)
    return home


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    return tmp_path / "path"


@pytest.mark.parametrize(("said", "version"), [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "21"', 21)])
def test_a_java_known_by_java_home_alone_is_used(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, version: int
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(put(tmp_path / "jdk", said)))
    assert (host.java(), host.java_home()) == (str(tmp_path / "jdk/bin/java"), str(tmp_path / "jdk"))
    assert host.java_version() == version


def test_the_java_of_path_is_found_with_its_home(path: Path, tmp_path: Path) -> None:
    (path / "java").symlink_to(put(tmp_path / "jdk", 'openjdk version "17"') / "bin/java")
    assert (host.java(), host.java_home()) == (str(path / "java"), str(tmp_path / "jdk"))


def test_a_java_that_stands_in_no_home_is_left_to_path(path: Path, tmp_path: Path) -> None:
    (put(tmp_path / "shims", 'openjdk version "17"') / "bin" / "java").rename(path / "java")
    assert host.java_home() == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('java version "1.8.0_391"', 'says: java version "1.8.0_391"'),
        ("no Java runtime present", "no Java runtime"),
        ("", "nothing"),
    ],
)
def test_a_java_that_will_not_do_is_told_with_the_command_that_installs_one(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(put(tmp_path / "jdk", said)))
    with pytest.raises(HostError, match=rf"Java 17 or newer .*{told}.*apt-get install"):
        host.java_version()


def test_no_java_is_told_with_the_place_that_was_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostError, match="no java in PATH"):
        host.java()
    monkeypatch.setenv("JAVA_HOME", "/no/jdk")
    with pytest.raises(HostError, match="no java in JAVA_HOME=/no/jdk"):
        host.java()
