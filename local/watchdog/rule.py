"""Decide from what programs answer which one hangs. Nothing is asked or restarted here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

GAP = 30.0  # seconds between two looks beyond which the watchdog itself stood still, as on a laptop that sleeps
START = 300.0  # seconds: the slowest program answers by then, on a busy machine too
PAUSE, LONGEST_PAUSE = 300.0, 4 * 3600.0  # seconds from one restart to the next: doubled each time
FORGIVEN = 6 * 3600.0  # seconds without a restart after which earlier ones count no more
UNKNOWN = "nothing is known of it"

Faults = Mapping[str, str | None]


@dataclass(frozen=True)
class Target:
    """Describe one sign of life.

    `program` shows it, and is restarted when it was missing for `patience` seconds; None where a person is told only.
    A person is told after `told` seconds, where that is sooner. `needs` name the targets without which it may be
    missing: while one of them does not answer, nothing is judged. Nor is it until the first sign, or for `start`
    seconds, after the program started, or after the watchdog itself stood still.
    """

    name: str
    program: str | None
    patience: float
    needs: tuple[str, ...] = ()
    start: float = START
    told: float | None = None


class Look(NamedTuple):
    """Hold what was seen at a time, in seconds of a clock that goes on while the machine sleeps.

    `faults`: by target why it gives no sign, None where it does; a target of which nothing is known is left out.
    `pids`: by program that runs, its process id.
    """

    at: float
    faults: Faults
    pids: Mapping[str, int]


class Verdict(NamedTuple):
    """Say what to do about a target: restart its program, or tell a person that it is silent, or that it is back."""

    action: Literal["restart", "silent", "back"]
    target: Target
    reason: str
    seconds: float


@dataclass
class _Program:
    pid: int
    since: float
    restarts: int = 0
    restarted_at: float = 0.0
    next_restart: float = 0.0


@dataclass
class _Silence:
    seconds: float = 0.0
    told: bool = False
    answered: bool = False  # since the program started


class Judge:
    """Add up for how long each target was silent while it should have answered."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)
        self._silences = {target.name: _Silence() for target in targets}
        self._programs: dict[str, _Program] = {}
        self._last: float | None = None

    def judge(self, look: Look) -> list[Verdict]:
        """Return what to do after a look; a program is restarted once at most."""
        passed = self._begin(look)
        found = [self._of(target, look, passed) for target in self._targets]
        return [verdict for verdict in found if verdict]

    def note(self, look: Look) -> None:
        """Note which programs run and which gave a sign of life, and judge nothing: what starts now may be slow."""
        self._begin(look)
        for target in self._targets:
            silence = self._silences[target.name]
            silence.seconds = 0.0
            silence.answered = silence.answered or look.faults.get(target.name, UNKNOWN) is None

    def _begin(self, look: Look) -> float:
        """Return the seconds since the last look that count, and note which programs run."""
        passed = 0.0 if self._last is None else max(look.at - self._last, 0.0)
        self._last = look.at
        if passed > GAP:
            self._forget(look.at)
            passed = 0.0
        self._note_programs(look)
        return passed

    def _forget(self, at: float) -> None:
        for silence in self._silences.values():
            silence.seconds, silence.answered = 0.0, False
        for program in self._programs.values():
            program.since = at

    def _note_programs(self, look: Look) -> None:
        for name, pid in look.pids.items():
            known = self._programs.setdefault(name, _Program(pid, look.at))
            if known.pid != pid:
                known.pid, known.since = pid, look.at
                self._await_first_signs(name)
            if look.at - known.restarted_at > FORGIVEN:
                known.restarts = 0

    def _await_first_signs(self, program: str) -> None:
        for target in self._targets:
            if target.program == program:
                self._silences[target.name].answered = False

    def _of(self, target: Target, look: Look, passed: float) -> Verdict | None:
        silence = self._silences[target.name]
        if not self._is_judged(target, look):
            silence.seconds = 0.0
            return None
        if target.name not in look.faults:
            return None
        fault = look.faults[target.name]
        if fault is None:
            return _end(target, silence)
        silence.seconds += passed
        if silence.seconds >= target.patience:
            return self._act(target, look.at, fault)
        return _tell(target, silence, fault) if target.told and silence.seconds >= target.told else None

    def _is_judged(self, target: Target, look: Look) -> bool:
        if not all(look.faults.get(need, UNKNOWN) is None for need in target.needs):
            return False
        if target.program is None:
            return True
        if target.program not in look.pids:
            return False
        is_new = look.at - self._programs[target.program].since < target.start
        return not is_new or self._silences[target.name].answered or look.faults.get(target.name, UNKNOWN) is None

    def _act(self, target: Target, at: float, fault: str) -> Verdict | None:
        silence = self._silences[target.name]
        seconds = silence.seconds
        if target.program is not None and at >= self._programs[target.program].next_restart:
            self._note_restart(self._programs[target.program], at)
            silence.seconds = 0.0
            return Verdict("restart", target, fault, seconds)
        return _tell(target, silence, fault)

    def _note_restart(self, program: _Program, at: float) -> None:
        program.restarted_at = program.since = at
        program.next_restart = at + min(PAUSE * 2**program.restarts, LONGEST_PAUSE)
        program.restarts += 1


def _tell(target: Target, silence: _Silence, fault: str) -> Verdict | None:
    if silence.told:
        return None
    silence.told = True
    return Verdict("silent", target, fault, silence.seconds)


def _end(target: Target, silence: _Silence) -> Verdict | None:
    verdict = Verdict("back", target, "", silence.seconds) if silence.told else None
    silence.seconds, silence.told, silence.answered = 0.0, False, True
    return verdict
