"""How much memory a process and its children take, shared pages counted once."""

import psutil

MIB = 1024 * 1024


def memory(pid: int) -> float:
    """Return the MiB that a process and all below it take, 0 where there is none.

    It is PSS where the system reports it, else the pages that no other process shares.
    """
    try:
        one = psutil.Process(pid) if pid else None
        family = [one, *one.children(recursive=True)] if one else []
    except psutil.Error:
        return 0.0
    return sum(map(own_memory, family))


def own_memory(process: psutil.Process) -> float:
    """Return the MiB of a process without those below it, 0 where it has ended."""
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float((getattr(info, "pss", 0) or info.uss) / MIB)
