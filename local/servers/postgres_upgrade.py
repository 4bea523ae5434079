"""Upgrade an installation's PostgreSQL data: dump and restore to a new folder, compare, then switch.

The old data are only read, and keep their place until the copy is complete. An interrupted upgrade
begins again.
"""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from local import ports, probes
from local.servers.postgres import Options, command, initialise
from local.servers.postgres_contents import contents, databases, differences
from local.servers.postgres_copy import analyze, copy_database, copy_roles, run_program
from local.servers.postgres_folders import MAJOR, OLD, Action, Folders, discard, next_action
from local.servers.postgres_roles import as_superuser
from local.servers.postgres_user import data_folder, in_folder, owner
from local.supervisor import orphans
from local.supervisor.configuration import log_file
from local.supervisor.start import last_line
from stock_ml.adapters.postgres.dumps import binary
from stock_ml.config import Settings
from stock_ml.errors import DiskFull, HostError, UpgradeFailed

LOG = "postgres-upgrade"
Report = Callable[[str], None]
READ: Options = {"autovacuum": "off", "default_transaction_read_only": "on"}
# an incomplete copy is deleted, so a crash may damage it: it is synced once, when it is complete
LOAD: Options = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
LOAD |= {"wal_level": "minimal", "max_wal_senders": 0, "max_wal_size": "256MB", "autovacuum": "off"}
LOAD |= {"maintenance_work_mem": "256MB"}
ROOM, RESERVE = 1.5, 512 * 2**20  # times the old tables; and bytes for the write-ahead log
FULL = 32 * 2**20  # a disk with fewer bytes free than this is full
NO_SPACE = os.strerror(errno.ENOSPC)
SECONDS = 600  # for a server to recover, and to end
PATIENCE = 20  # seconds for a server to end whose copy failed: one without room for its log may never end by itself


def check(s: Settings) -> None:
    """Pass where the data can be served as they are, or be upgraded, or another server holds them.

    Raises DiskFull where the disk has no room for their copy; and as `next_action` does.
    """
    folders = Folders(s.state)
    if s.postgres_url is not None or next_action(folders.majors()) is not Action.COPY:
        return
    needed = int(ROOM * _size(folders.live)) + RESERVE
    free = shutil.disk_usage(folders.state).free + _size(folders.scratch) + _size(folders.copy)
    if free < needed:
        raise DiskFull(
            f"PostgreSQL's data in {folders.live} must be copied for PostgreSQL {MAJOR}: this needs "
            f"{_gigabytes(needed)}, and the disk has {_gigabytes(free)} free. Nothing was changed: free some of it, "
            "then `make up` again"
        )


@contextmanager
def data_upgrade(s: Settings, report: Report) -> Iterator[None]:
    """Upgrade the data before the block. After it, delete what an earlier upgrade kept.

    Nothing is deleted where the block raises. Does nothing where another server holds the data.
    Raises as `upgrade` does.
    """
    if s.postgres_url is not None:
        yield
        return
    earlier = has_old_data(s)
    upgrade(s, report)
    yield
    if earlier:
        delete_old(s, report)


def upgrade(s: Settings, report: Report) -> None:
    """Bring an installation's data to this server's version, from wherever an upgrade ended before.

    No server may run on them. `report` gets each step before it begins, as a line for a person.
    Raises UpgradeFailed or DiskFull, with the old data as they were; and as `next_action` does.
    """
    folders = Folders(s.state)
    while (action := next_action(folders.majors())) in STEPS:
        end_servers(s)
        STEPS[action](s, folders, lambda line: report(f"PostgreSQL {OLD} → {MAJOR}: {line}"))


def has_old_data(s: Settings) -> bool:
    """Say whether a complete upgrade left the older server's data."""
    folders = Folders(s.state)
    return folders.old.exists() and next_action(folders.majors()) is Action.NONE


def delete_old(s: Settings, report: Report) -> None:
    """Delete the older server's data, which an upgrade keeps."""
    folders = Folders(s.state)
    folders.delete(folders.old)
    report(f"deleted {folders.old}: the data as they were before the upgrade to PostgreSQL {MAJOR}")


def end_servers(s: Settings) -> None:
    """End the servers that a killed upgrade left running. Raises HostError where they do not end."""
    folders = Folders(s.state)
    places = {str(folders.live), str(folders.scratch)}
    left = [p for p in psutil.process_iter(["cmdline"]) if data_folder(p, p.info["cmdline"] or []) in places]
    for stop in (signal.SIGINT, signal.SIGQUIT):  # a fast shutdown, then an immediate one
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(stop)
        with suppress(HostError):
            return probes.wait("the end of servers", lambda: not any(orphans.is_running(p.pid) for p in left), PATIENCE)
    raise HostError(f"an interrupted upgrade's servers go on, end them: {[p.pid for p in left]}")


def _put_back(_: Settings, folders: Folders, report: Report) -> None:
    report(f"{folders.live} is missing: {folders.old} takes its place, and is upgraded again")
    folders.rename(folders.old, folders.live)


def _copy(s: Settings, folders: Folders, report: Report) -> None:
    discard(folders.scratch)
    folders.delete(folders.copy)  # a server may have changed the live data since
    check(s)
    report(f"the data in {folders.live} are copied; until that is complete they stay as they are")
    try:
        _build(s, folders, report)
    except (HostError, psycopg.Error, OSError) as error:
        failed = _failure(error, folders)
        discard(folders.scratch)
        raise failed from error
    folders.rename(folders.scratch, folders.copy)
    report(f"the copy is complete; the old data move to {folders.old}")
    folders.rename(folders.live, folders.old)


def _switch(_: Settings, folders: Folders, report: Report) -> None:
    report(f"the copy takes the place {folders.live}; the next `make up` that ends well deletes {folders.old}")
    folders.rename(folders.copy, folders.live)


STEPS: dict[Action, Callable[[Settings, Folders, Report], None]] = {
    Action.PUT_BACK: _put_back,
    Action.COPY: _copy,
    Action.SWITCH: _switch,
}


def _build(s: Settings, folders: Folders, report: Report) -> None:
    source, target = (as_superuser(s).model_copy(update={"postgres_port": port}) for port in ports.free(2))
    initialise(s, folders.scratch, sync=False)
    old = command(source, folders.live, OLD, READ, owner(folders.live))  # its owner stays, for the way back
    new = command(target, folders.scratch, MAJOR, LOAD)
    with _running(old, source), _running(new, target):
        _fill(source, target, report)
        report("comparing the rows of every table")
        if found := differences(contents(source), contents(target)):
            raise HostError(f"the copy differs: {'; '.join(found[:3])} ({len(found)} differences in all)")
    report("writing the copy to disk")
    run_program([*in_folder(folders.scratch, binary("initdb", MAJOR)), "--sync-only"], {})


def _fill(source: Settings, target: Settings, report: Report) -> None:
    report("copying the roles")
    copy_roles(source, target)
    for database in databases(source):
        report(f"copying the database {database}")
        copy_database(source, target, database)
    report("collecting statistics for queries")
    for database in databases(target):
        analyze(target, database)


@contextmanager
def _running(argv: list[str], s: Settings) -> Iterator[None]:
    log = log_file(s.state, LOG)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    with ExitStack() as failure:
        failure.callback(server.wait)
        failure.callback(end_servers, s)  # the data that are read recover from it, and the copy is deleted
        probes.wait("PostgreSQL", lambda: _is_running(server, log) and _accepts_connections(s), SECONDS, log=LOG)
        yield
        failure.pop_all()
    server.send_signal(signal.SIGINT)
    probes.wait("the end of PostgreSQL", lambda: server.poll() is not None, SECONDS, log=LOG)
    if server.returncode:
        raise HostError(f"PostgreSQL ended with {server.returncode}: {last_line(log)}")


def _is_running(server: "subprocess.Popen[bytes]", log: Path) -> bool:
    if server.poll() is not None:
        raise HostError(f"PostgreSQL did not start: {last_line(log)}")
    return True


def _accepts_connections(s: Settings) -> bool:
    argv = [str(binary("pg_isready", MAJOR)), "--quiet", "--host=127.0.0.1", f"--port={s.postgres_port}"]
    return subprocess.run(argv, check=False).returncode == 0


def _failure(error: Exception, folders: Folders) -> HostError:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0]
    kept = f"nothing is lost: the data in {folders.live} are as they were"
    if NO_SPACE in str(error) or shutil.disk_usage(folders.state).free < FULL:
        return DiskFull(
            f"the disk of {folders.state} became full while PostgreSQL's data were copied for PostgreSQL {MAJOR} "
            f"({why}); {kept}. Free some of it, then `make up` again"
        )
    return UpgradeFailed(
        f"PostgreSQL's data could not be upgraded from {OLD} to {MAJOR}: {why}; {kept}. `make logs NAME={LOG}` "
        "says more, and `make up` tries again"
    )


def _size(folder: Path) -> int:
    # without the log, whose old files are reused; a running server may delete what was just listed
    total = 0
    for place, _, names in os.walk(folder):
        for name in names if Path(place).name != "pg_wal" else ():
            with suppress(FileNotFoundError):
                total += (Path(place) / name).lstat().st_size
    return total


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
