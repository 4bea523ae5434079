"""What happens to a process, a disk or a clock in the fault matrix: each is begun, and ended by what that returns."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks._stack import Stack

End = Callable[[], None]
NEW_NETWORK, NEW_MOUNTS = 0x40000000, 0x00020000  # sched.h
CGROUPS = Path("/sys/fs/cgroup")
MEMORY = CGROUPS / "memory" / "stock_ml_faults"
NETWORK = CGROUPS / "unified" / "stock_ml_faults"
LIMIT = 4 << 20  # bytes that a process may add to what it has before the kernel kills it
REST = 64 << 20  # bytes that are written, as allocating a file needs some space of its own
STUCK = 90  # seconds for which the disk takes no write
LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
TABLE = """
table inet faults {{
  set ports {{ type inet_service; elements = {{ {ports} }}; }}
  chain sent {{ type filter hook output priority 0; socket cgroupv2 level 1 "stock_ml_faults" drop; }}
  chain received {{
    type filter hook input priority 0
    socket cgroupv2 level 1 "stock_ml_faults" drop
    tcp sport @ports drop
    tcp dport @ports drop
  }}
}}
"""
# nft looks for control groups where version 2 usually is
NFT = ("unshare", "--mount", "sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup && nft -f -")


def enter_own_network() -> None:
    """Move this process to a network and mounts of its own, which its children share. Raises OSError without root."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK | NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "the fault matrix needs root, for a network and disks of its own")
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Give a file system of its own until the block ends."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    _run("truncate", "-s", size, str(image))
    _run("mkfs.ext4", "-q", "-m", "0", str(image))
    _run("mount", "-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        _run("umount", "--lazy", str(place))


def kill(stack: Stack, name: str) -> End:
    """Kill a program at once."""
    os.kill(stack.pid(name), signal.SIGKILL)
    return lambda: None


def freeze(stack: Stack, name: str) -> End:
    """Stop a program and all below it, as a hang does; the end lets go on what is left of it."""
    family = _family(stack.pid(name))
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.suspend()

    def end() -> None:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    return end


def partition(stack: Stack, name: str) -> End:
    """Drop every packet from and to a program: by the ports that it has, and by its group for those to come."""
    family = _family(stack.pid(name))
    ports = {str(c.laddr.port) for process in family for c in process.net_connections("inet") if c.laddr}
    _join(NETWORK, family)
    subprocess.run(NFT, input=TABLE.format(ports=", ".join(sorted(ports))), text=True, check=True)

    def end() -> None:
        _run("nft", "delete", "table", "inet", "faults")
        _leave(NETWORK)

    return end


def starve(stack: Stack, name: str) -> End:
    """Let a program have no more memory: the kernel kills what asks for it."""
    family = _family(stack.pid(name))
    MEMORY.mkdir(exist_ok=True)
    (MEMORY / "memory.limit_in_bytes").write_text(str(LIMIT))
    _join(MEMORY, family)
    return lambda: _leave(MEMORY)


def fill(disk: Path) -> End:
    """Fill a disk up to its last byte."""
    ballast, free = disk / "ballast", os.statvfs(disk)
    _run("fallocate", "-l", str(free.f_bavail * free.f_frsize - REST), str(ballast))
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):  # until there is no space left
            pass
    return ballast.unlink


def freeze_disk(disk: Path) -> End:
    """Let every write to a disk wait for a while; it ends even where all that could end it waits for that disk."""
    _run("fsfreeze", "--freeze", str(disk))
    thaw = subprocess.Popen(["sh", "-c", f'sleep {STUCK}; fsfreeze --unfreeze "$0"', str(disk)])
    return lambda: _ended(thaw)


def clock_file(stack: Stack, name: str) -> Path:
    """Restart a program with a clock that a file sets off; it is right until `set_off` is called."""
    offset = stack.s.state / f"clock-of-{name}"
    offset.write_text("+0")
    stack.s.state.chmod(0o711)  # PostgreSQL's user reads it too
    clock = {
        "LD_PRELOAD": LIBFAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }
    _redefine(stack, name, clock | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    return offset


def set_off(stack: Stack, name: str, hours: int) -> End:
    """Set the clock of a program off, while it runs; the end restarts it with the clock of the machine."""
    (stack.s.state / f"clock-of-{name}").write_text(f"{hours * 3600:+d}")
    return lambda: _redefine(stack, name, {})


def _redefine(stack: Stack, name: str, more: Mapping[str, str]) -> None:
    programs = stack.installation.programs
    stack.supervisor.load([replace(p, env={**p.env, **more}) if p.name == name else p for p in programs])
    stack.supervisor.start(name)


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.wait():
        raise OSError("the disk could not be let go")


def _family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _join(group: Path, family: list[psutil.Process]) -> None:
    group.mkdir(exist_ok=True)
    for process in family:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(process.pid))


def _leave(group: Path) -> None:
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            (group.parent / "cgroup.procs").write_text(pid)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
