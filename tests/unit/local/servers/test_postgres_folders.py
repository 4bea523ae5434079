"""What must happen next to PostgreSQL's folders, from what is there."""

from pathlib import Path

import pytest

from local.servers.postgres_contents import differences
from local.servers.postgres_folders import Action, Folders, Majors, discard, next_action
from stock_ml.errors import HostError, NewerServerData

PLACE = Path("/state/postgres")


@pytest.mark.parametrize(
    ("live", "upgraded", "old", "action"),
    [
        (None, None, None, Action.CREATE),
        (18, None, None, Action.NONE),
        (18, None, 16, Action.NONE),  # an upgrade kept the old data
        (16, None, None, Action.COPY),
        (16, 18, None, Action.COPY),  # killed before the switch: the old data may be newer than the copy by now
        (None, 18, 16, Action.SWITCH),  # killed between the two renames
        (None, 18, None, Action.SWITCH),
        (None, None, 16, Action.PUT_BACK),  # the new data were removed by hand
    ],
)
def test_what_is_on_disk_says_where_to_go_on(
    live: int | None, upgraded: int | None, old: int | None, action: Action
) -> None:
    assert next_action(Majors(PLACE, live, upgraded, old)) is action


@pytest.mark.parametrize(
    ("found", "error", "said"),
    [
        (Majors(PLACE, 19), NewerServerData, "/state/postgres are of PostgreSQL 19, .* brings 18, which cannot read"),
        (Majors(PLACE, 19, 18, 16), NewerServerData, "go on with the version of stock_ml that made them"),
        (Majors(PLACE, 17), HostError, "are of PostgreSQL 17, .* reads those of 16 and 18 only"),
        (Majors(PLACE, 16, None, 16), HostError, "PostgreSQL 16, and so does postgres-16 beside it: move away"),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_place(found: Majors, error: type[HostError], said: str) -> None:
    with pytest.raises(error, match=said):
        next_action(found)


def test_the_folders_are_read(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert folders.majors() == Majors(folders.live)
    for folder, version in ((folders.live, 16), (folders.copy, 18), (folders.scratch, 18)):
        folder.mkdir()
        (folder / "PG_VERSION").write_text(f"{version}\n")
    assert folders.majors() == Majors(folders.live, 16, 18, None)
    folders.rename(folders.live, folders.old)
    assert folders.majors() == Majors(folders.live, None, 18, 16)
    folders.delete(folders.copy)
    folders.delete(folders.copy)
    assert not folders.scratch.exists()
    assert folders.majors() == Majors(folders.live, None, None, 16)
    (folders.old / "PG_VERSION").unlink()
    with pytest.raises(HostError, match=r"postgres-16 holds no data of PostgreSQL.*No such file"):
        folders.majors()


def test_a_folder_that_stands_elsewhere_is_let_go_and_stays_there(tmp_path: Path) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.symlink_to(elsewhere)
    discard(here)
    assert not here.is_symlink()
    assert elsewhere.exists()
    discard(elsewhere)
    discard(elsewhere)
    assert not elsewhere.exists()


def test_differences_are_told_in_words() -> None:
    before = {"role stockml": "there", "stockml: table public.bars": "9 rows", "mlflow: view public.v": "there"}
    after = {"role stockml": "there", "stockml: table public.bars": "8 rows", "stockml: table public.x": "0 rows"}
    assert differences(before, before) == []
    assert differences(before, after) == [
        "mlflow: view public.v: there before, missing after",
        "stockml: table public.bars: 9 rows before, 8 rows after",
        "stockml: table public.x: missing before, 0 rows after",
    ]
