"""The archive of Spark's classes: one for each Java and class path, whole or not there."""

import os
from pathlib import Path

import pytest

from stock_ml.adapters.spark.jvm_class_cache import ClassArchive


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    (tmp_path / "spark.jar").write_bytes(b"classes")
    return tmp_path / "spark.jar"


def archive(jar: Path) -> ClassArchive:
    return ClassArchive.of(jar.parent, [jar], may_write=True)


def made(jar: Path) -> ClassArchive:
    """Return an archive that Java has just written at its end."""
    found = archive(jar)
    assert found.unfinished
    found.unfinished.write_bytes(b"archive")
    return found


def test_the_first_session_makes_it_and_the_next_one_uses_it(jar: Path) -> None:
    first = made(jar)
    assert f'-XX:ArchiveClassesAtExit="{first.unfinished}"' in first.options()
    first.keep(succeeded=True)
    assert f'-XX:SharedArchiveFile="{first.file}"' in archive(jar).options()
    assert archive(jar).unfinished is None
    assert list(jar.parent.glob("classes-*")) == [first.file]


def test_what_java_wrote_before_it_was_killed_is_not_kept(jar: Path) -> None:
    made(jar).keep(succeeded=False)
    assert list(jar.parent.iterdir()) == [jar]
    assert archive(jar).unfinished


def test_java_that_wrote_nothing_leaves_nothing(jar: Path) -> None:
    archive(jar).keep(succeeded=True)
    assert list(jar.parent.iterdir()) == [jar]


def test_another_jar_makes_another_archive_and_the_old_one_goes(jar: Path) -> None:
    old = made(jar)
    old.keep(succeeded=True)
    os.utime(jar, ns=(0, 0))
    assert archive(jar).unfinished
    new = made(jar)
    new.keep(succeeded=True)
    assert sorted(jar.parent.iterdir()) == sorted([jar, new.file])


def test_another_java_makes_another_archive(jar: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = archive(jar).file
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert archive(jar).file != here


def test_a_folder_that_cannot_be_written_gets_none(jar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert (archive(jar).options(), archive(jar).unfinished) == ("", None)


def test_one_that_may_not_write_uses_what_exists(jar: Path) -> None:
    assert ClassArchive.of(jar.parent, [jar], may_write=False).options() == ""
    made(jar).keep(succeeded=True)
    assert "SharedArchiveFile" in ClassArchive.of(jar.parent, [jar], may_write=False).options()
