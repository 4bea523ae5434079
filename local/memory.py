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
        return sum(_own(p) for p in family) / MIB
    except psutil.Error:
        return 0.0


def _own(process: psutil.Process) -> int:
    info = process.memory_full_info()
    return int(getattr(info, "pss", 0) or info.uss)
