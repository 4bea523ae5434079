"""The user that PostgreSQL runs as where `make up` runs as root: one of its own, without any right of root's.

PostgreSQL refuses to run as root. Its data lie in folders that only root may enter, so it starts in its
data folder and reaches the data from there.
"""

import os
import pwd
import shutil
from itertools import pairwise
from pathlib import Path

import psutil

from stock_ml.errors import HostError

USER = 59606  # no account has it: tools that number accounts count up from 1000
NOBODY = 65534
HERE = "/proc/self/cwd"  # the folder that a process runs in, whoever may enter those above it
NO_RIGHTS = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all"]
# for programs in a folder that only root may enter, such as /root: they may be read, and nothing written
MAY_READ = [
    "--clear-groups",
    "--no-new-privs",
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
]


def is_root() -> bool:
    """Say whether this process runs as root."""
    return os.geteuid() == 0


def in_folder(folder: Path, program: Path, user: int = USER) -> list[str]:
    """Return the words that run a program of PostgreSQL on a data folder, up to the folder's `-D`.

    Raises HostError where this is root, and the tool that changes the user is missing.
    """
    if not is_root():
        return [str(program), "-D", str(folder)]
    if shutil.which("setpriv") is None:
        raise HostError("PostgreSQL does not run as root, and setpriv (util-linux) is missing: run as another user")
    rights = NO_RIGHTS if is_open(program) else MAY_READ
    words = ["env", f"--chdir={folder}", "setpriv", f"--reuid={user}", f"--regid={user}", *rights]
    return [*words, str(program), "-D", HERE]


def is_open(program: Path) -> bool:
    """Say whether every user may run a program: all folders above it can be entered."""
    places = program.resolve().parents
    return bool(program.stat().st_mode & 0o001) and all(place.stat().st_mode & 0o001 for place in places)


def data_folder(process: psutil.Process, words: list[str]) -> str:
    """Return the data folder that a server's command line names, "" where it names none."""
    given = next((value for option, value in pairwise(words) if option == "-D"), "")
    try:
        return process.cwd() if given == HERE else given
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def give(folder: Path, user: int = USER) -> None:
    """Give a data folder and all in it to the user, where this is root and it is another's."""
    if not is_root() or folder.stat().st_uid == user:
        return
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place) / name, user, user, follow_symlinks=False)
    os.chown(folder, user, user)  # last: an interruption before it begins anew


def owner(folder: Path) -> int:
    """Return the user that a data folder belongs to."""
    return folder.stat().st_uid


def idle_account() -> int:
    """Return an account of the system under which nothing runs: initdb wants its user to have a name.

    Whoever runs under that account could change the data while initdb makes them.
    """
    busy = {process.info["uids"].real for process in psutil.process_iter(["uids"]) if process.info["uids"]}
    accounts = [entry.pw_uid for entry in pwd.getpwall() if 0 < entry.pw_uid < 1000]
    return next((uid for uid in accounts if uid not in busy), NOBODY)
