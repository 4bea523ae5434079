"""Let the kernel kill a process that stands still: nobody looks at the watchdog, and supervisord starts it again."""

import ctypes
import signal
import sys
import time


class _Event(ctypes.Structure):  # sigevent(7)
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("number", ctypes.c_int),
        ("notify", ctypes.c_int),  # 0: by a signal
        ("rest", ctypes.c_byte * 48),
    )


class _Times(ctypes.Structure):  # itimerspec: seconds and nanoseconds
    _fields_ = (("interval", ctypes.c_long * 2), ("value", ctypes.c_long * 2))


class Deadline:
    """Kill this process when `renew` was not called for so many seconds; sleep of the machine does not count.

    Where the system has no such timers, as on macOS, SIGALRM ends it, which does not reach a process that is stopped.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds, self._timer = seconds, ctypes.c_void_p()
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        if self._libc:
            event = _Event(number=signal.SIGKILL)
            self._check(self._libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)))

    def renew(self) -> None:
        """Let the time begin anew. Raises OSError where the system refuses."""
        if self._libc is None:
            signal.alarm(self._seconds)
            return
        times = _Times(value=(self._seconds, 0))
        self._check(self._libc.timer_settime(self._timer, 0, ctypes.byref(times), None))

    def _check(self, result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), "the system gives no timer")
