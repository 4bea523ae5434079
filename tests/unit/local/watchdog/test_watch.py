"""What the watchdog does with what it sees; probes and supervisor are small fakes."""

import fcntl
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from pydantic import SecretStr

from local.secrets import ensure_secrets, with_secrets
from local.supervisor.supervisor import ProcessInfo
from local.up import _take
from local.watchdog.offsets import Place, standing
from local.watchdog.probes import NotKnown, Probes
from local.watchdog.program import program
from local.watchdog.report import words
from local.watchdog.rule import Judge, Look, Target, Verdict
from local.watchdog.targets import targets
from local.watchdog.watch import Watchdog, is_up_at_work
from stock_ml.config import load

SERVER = Target("server", "server", 60)


class Always(Judge):
    """Return the same verdicts, and keep what was looked at."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts, self.looks, self.noted = list(verdicts), list[Look](), list[Look]()

    def note(self, look: Look) -> None:
        self.noted.append(look)

    def judge(self, look: Look) -> list[Verdict]:
        self.looks.append(look)
        return self.verdicts


class Programs:
    """A supervisor of programs without processes: no number is as large."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def processes(self) -> list[ProcessInfo]:
        return [
            ProcessInfo(name=name, statename=state, pid=2**30 if state == "RUNNING" else 0, start=0)
            for name, state in self.states.items()
        ]


class Reports:
    def __init__(self) -> None:
        self.heard, self.written = list[Verdict](), 0

    def report(self, verdict: Verdict) -> None:
        self.heard.append(verdict)

    def write(self) -> None:
        self.written += 1


def probes(**found: str | None) -> Probes:
    return Probes({name: lambda fault=fault: fault for name, fault in found.items()})


def test_what_hangs_is_reported_and_only_programs_that_run_are_judged() -> None:
    judge, reports = Always(Verdict("restart", SERVER, "no answer", 60)), Reports()
    programs = Programs(server="RUNNING", client="BACKOFF", other="STOPPED")
    Watchdog(judge, probes(server="no answer", client=None), programs, reports).look()
    assert judge.looks[0].faults == {"server": "no answer", "client": None}
    assert judge.looks[0].pids == {"server": 2**30}
    assert (reports.heard, reports.written) == (judge.verdicts, 1)


def test_while_make_up_works_signs_of_life_are_noted_and_nothing_is_judged() -> None:
    judge, reports = Always(Verdict("restart", SERVER, "no answer", 60)), Reports()
    Watchdog(judge, probes(server=None), Programs(server="RUNNING"), reports).note()
    assert (judge.looks, reports.heard) == ([], [])
    assert (judge.noted[0].faults, judge.noted[0].pids) == ({"server": None}, {"server": 2**30})


def test_a_probe_that_does_not_end_is_a_fault_and_holds_up_no_other() -> None:
    free = Event()
    asked: dict[str, Callable[[], str | None]] = {"stuck": lambda: None if free.wait(30) else "", "well": lambda: None}
    runner = Probes(asked, deadline=0.05)
    for _ in range(2):
        assert runner.faults() == {"stuck": "no answer within 0 s", "well": None}
    free.set()
    runner.deadline = 30
    assert runner.faults() == {"stuck": None, "well": None}


def test_of_a_probe_that_cannot_tell_nothing_is_said() -> None:
    def cannot() -> str | None:
        raise NotKnown

    assert Probes({"one": cannot, "other": lambda: "no"}).faults() == {"other": "no"}


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({}, {0: Place(5, 9)}, []),  # the first look
        ({0: Place(5, 9)}, {0: Place(5, 12)}, [0]),
        ({0: Place(5, 9)}, {0: Place(6, 12)}, []),
        ({0: Place(9, 9)}, {0: Place(9, 9)}, []),  # nothing waits
        ({0: Place(0, 3), 1: Place(1, 2)}, {0: Place(0, 3), 1: Place(2, 2)}, [0]),  # nothing was read ever
    ],
)
def test_a_partition_stands_where_messages_wait_and_none_is_read(
    before: dict[int, Place], now: dict[int, Place], found: list[int]
) -> None:
    assert standing(before, now) == found


def test_a_make_up_at_work_is_seen_and_looking_for_it_holds_up_none(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    assert not is_up_at_work(path)
    with path.open("w") as lock:
        assert _take(lock)
        assert is_up_at_work(path)
        with path.open("w") as second:
            assert not _take(second)
    with path.open("w") as look, path.open("w") as lock:
        fcntl.flock(look, fcntl.LOCK_SH)
        look.close()
        assert _take(lock)


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        (Verdict("restart", SERVER, "no answer", 60), "server hung and is restarted"),
        (Verdict("silent", SERVER, "no answer", 60), "server is silent"),
        (Verdict("silent", Target("feed", None, 300), "no new bar", 300), "feed is silent"),
        (Verdict("back", SERVER, "", 60), "server is back"),
    ],
)
def test_a_person_reads_what_hung_and_why(verdict: Verdict, title: str) -> None:
    told, body = words(verdict)
    assert told == title
    assert verdict.reason in body


def test_the_watchdog_gets_no_password_that_it_does_not_need(tmp_path: Path) -> None:
    of_sources = dict.fromkeys(("alphavantage_api_key", "alpaca_key", "alpaca_secret"), SecretStr("key"))
    bare = load(home=tmp_path, source="sandbox", **of_sources)
    s = with_secrets(bare, ensure_secrets(bare))
    secrets = {name for name, value in s if isinstance(value, SecretStr) and value.get_secret_value()}
    env = program(s).env
    given = {name for name in secrets if env.get(f"STOCKML_{name.upper()}") or env.get(name.upper())}
    assert given == {"postgres_stockml_password", "s3_access_key", "s3_secret_key", "kafka_password"}


def test_each_target_needs_targets_that_there_are_and_brought_servers_are_not_restarted(tmp_path: Path) -> None:
    for brought in ({}, {"postgres_url": "postgresql://a:b@127.0.0.1:9", "kafka_servers": "127.0.0.1:9"}):
        found = {each.name: each for each in targets(load(home=tmp_path, source="sandbox", **brought))}
        assert {need for target in found.values() for need in target.needs} <= found.keys()
        assert (found["postgres"].program, found["kafka"].program) == (
            (None,) * 2 if brought else ("postgres", "kafka")
        )
        assert found["s3"].program == "s3"
