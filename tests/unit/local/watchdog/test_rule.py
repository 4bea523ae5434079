"""Which program is restarted, by a clock and by answers that hypothesis makes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from local.watchdog.rule import GAP, PAUSE, START, Judge, Look, Target, Verdict

SERVER = Target("server", "server", 60)
CLIENT = Target("client", "client", 120, ("server",))
OFFSETS = Target("offsets", "client", 180, ("server", "client"))
FEED = Target("feed", None, 300, ("server",))
ALL = (SERVER, CLIENT, OFFSETS, FEED)
STEP = 10.0


@dataclass
class World:
    """Let time pass; a restart gives a program another process id, and ends what hangs in it where it can."""

    judge: Judge = field(default_factory=lambda: Judge(ALL))
    now: float = 1000.0
    pids: dict[str, int] = field(default_factory=lambda: {"server": 1, "client": 2})
    silent: set[str] = field(default_factory=set)

    def look(self, step: float = STEP) -> list[Verdict]:
        found = self.judge.judge(self.seen(step))
        for verdict in found:
            if verdict.action == "restart":
                self.pids = self.pids | {str(verdict.target.program): max(self.pids.values()) + 1}
        return found

    def note(self) -> None:
        self.judge.note(self.seen(STEP))

    def seen(self, step: float) -> Look:
        self.now += step
        faults = {target.name: "no answer" if target.name in self.silent else None for target in ALL}
        return Look(self.now, faults, self.pids)

    def looks(self, seconds: float) -> Iterator[tuple[float, Verdict]]:
        """Look for a while; yield when each verdict came, in seconds from now."""
        start = self.now
        while self.now < start + seconds:
            for verdict in self.look():
                yield self.now - start, verdict

    def settle(self) -> "World":
        assert list(self.looks(START + STEP)) == []
        return self


def named(found: Iterator[tuple[float, Verdict]]) -> list[tuple[float, str, str]]:
    return [(at, verdict.action, verdict.target.name) for at, verdict in found]


def test_a_program_that_answers_nothing_is_restarted_after_its_patience() -> None:
    world = World().settle()
    world.silent = {"client"}
    assert named(world.looks(200)) == [(120.0, "restart", "client")]


def test_what_a_hanging_server_holds_up_is_not_restarted_and_has_its_whole_patience_after() -> None:
    world = World().settle()
    world.silent = {"server", "client", "offsets", "feed"}
    assert named(world.looks(START)) == [(60.0, "restart", "server")]
    world.silent = {"client"}
    assert named(world.looks(200)) == [(120.0, "restart", "client")]


def test_a_program_is_left_alone_right_after_its_start() -> None:
    world = World().settle()
    world.pids = world.pids | {"client": 7}
    world.silent = {"client"}
    ((at, _, name),) = named(world.looks(START + 130))
    assert (name, at >= START + 120) == ("client", True)


def test_the_first_sign_of_life_ends_the_time_to_start() -> None:
    world = World().settle()
    world.pids = world.pids | {"client": 7}
    assert named(world.looks(30)) == []
    world.silent = {"client"}
    assert named(world.looks(130)) == [(120.0, "restart", "client")]


def test_what_answered_while_make_up_worked_needs_no_time_to_start_after_it() -> None:
    world = World()
    for _ in range(20):
        world.note()
    world.silent = {"client"}
    assert named(world.looks(130)) == [(120.0, "restart", "client")]


def test_what_is_silent_while_make_up_works_is_not_judged_and_has_its_time_to_start_after_it() -> None:
    world = World()
    world.silent = {"client"}
    for _ in range(20):
        world.note()
    ((at, _, name),) = named(world.looks(START + 130))
    assert (name, at >= 120 + START - 20 * STEP) == ("client", True)


def test_a_person_is_told_before_a_restart_that_costs_much() -> None:
    world = World(Judge((Target("server", "server", 180, told=50),)))
    assert named(world.looks(30)) == []
    world.silent = {"server"}
    assert named(world.looks(190)) == [(50.0, "silent", "server"), (180.0, "restart", "server")]
    world.silent = set()
    assert named(world.looks(30)) == [(10.0, "back", "server")]


def test_what_does_not_run_is_left_to_the_supervisor() -> None:
    world = World().settle()
    world.pids, world.silent = {"server": 1}, {"client", "offsets"}
    assert named(world.looks(1000)) == []


def test_a_silent_feed_is_told_once_and_so_is_its_end() -> None:
    world = World().settle()
    world.silent = {"feed"}
    assert named(world.looks(1000)) == [(300.0, "silent", "feed")]
    world.silent = set()
    assert named(world.looks(100)) == [(10.0, "back", "feed")]


def test_of_two_signs_of_one_program_one_restarts_it() -> None:
    world = World(Judge((CLIENT, Target("other", "client", 120)))).settle()
    for seconds in range(10, 125, 10):
        found = world.judge.judge(
            Look(world.now + seconds, {"server": None, "client": "no", "other": "no"}, world.pids)
        )
        assert len(found) == (seconds == 120)


def test_a_program_that_always_hangs_is_restarted_less_and_less_often() -> None:
    world = World().settle()
    world.silent = {"server"}
    restarts = [at for at, action, _ in named(world.looks(24 * 3600)) if action == "restart"]
    pauses = [after - before for before, after in pairwise(restarts)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= PAUSE
    assert 6 <= len(restarts) <= 12


def test_a_program_that_ran_well_for_hours_is_restarted_as_soon_as_the_first_time() -> None:
    world = World().settle()
    for _ in range(2):
        world.silent = {"server"}
        assert named(world.looks(70))[0] == (60.0, "restart", "server")
        world.silent = set()
        assert named(world.looks(7 * 3600)) == []


@given(st.floats(GAP + 1, 1e6))
def test_a_sleep_of_the_machine_counts_for_nothing_and_gives_time_to_come_back(sleep: float) -> None:
    world = World().settle()
    world.silent = {"server"}
    for _ in range(5):
        assert world.look() == []
    assert world.look(sleep) == []
    ((at, action, _),) = named(world.looks(START + 60 + STEP))
    assert (action, at >= START) == ("restart", True)


SOMETIMES = st.lists(
    st.tuples(st.sampled_from([5.0, 10.0, 25.0, 40.0, 4000.0]), st.sets(st.sampled_from([t.name for t in ALL]))),
    max_size=300,
)


@given(SOMETIMES)
def test_nobody_is_restarted_who_did_not_miss_every_sign_while_its_needs_answered(
    looks: list[tuple[float, set[str]]],
) -> None:
    """The same sum again, by another way: over the looks just before a restart."""
    world, past = World(), list[tuple[float, set[str]]]()
    for step, silent in looks:
        world.silent = silent
        past.append((step, silent))
        for verdict in world.look(step):
            if verdict.action == "back":
                continue
            seconds = 0.0
            for before, missing in reversed(past):
                if seconds >= verdict.target.patience:
                    break
                assert verdict.target.name in missing
                assert not set(verdict.target.needs) & missing
                assert before <= GAP
                seconds += before


@given(st.lists(st.sampled_from(["server", "client", "feed", "offsets"]), max_size=200))
def test_a_target_of_which_nothing_is_known_is_neither_restarted_nor_blamed(known: list[str]) -> None:
    judge = Judge(ALL)
    pids = {"server": 1, "client": 2}
    for number, name in enumerate(known):
        faults: dict[str, str | None] = {} if name == "server" else {name: "no answer"}
        for verdict in judge.judge(Look(number * STEP, faults, pids)):
            raise AssertionError(verdict)  # the server never said that it answers
