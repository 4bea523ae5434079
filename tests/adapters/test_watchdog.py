"""Real programs that stand still under a real supervisord are restarted, and nobody else is; a person is told."""

import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from local import ports, probes
from local.servers import postgres as postgres_program
from local.servers import postgres_roles
from local.servers.services import settings_environment
from local.supervisor.program import ROOT, Program
from local.supervisor.start import start
from local.supervisor.supervisor import Supervisor
from local.watchdog import probes as life
from local.watchdog.offsets import consumer_offsets
from local.watchdog.probes import Probes
from local.watchdog.report import Reporter
from local.watchdog.restart import end
from local.watchdog.rule import Judge, Target
from local.watchdog.targets import OFFSETS, probes_of, targets
from local.watchdog.watch import Watchdog
from stock_ml.adapters.broker import Publisher, Topics, consumer_group, ensure_topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.service_states import WATCHDOG, Restart, ServiceStates, WatchdogReport
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings, load
from stock_ml.doctor.checks import watchdog as watchdog_check
from tests.adapters.test_frozen_postgres import Freezer
from tests.adapters.test_notifier import heard, webhook  # noqa: F401 - fixtures
from tests.servers import running, settings_in, tables
from tests.unit.serving.streams import day

# one of apprise's hundred services uses an old module; all are loaded with the first address
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SERVES = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hang":
            os.kill(os.getpid(), signal.SIGSTOP)
        self.send_response(200)
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Pages).serve_forever()
"""


def look_until(watchdog: Watchdog, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    """Let the watchdog look again and again until something is so."""

    def looked() -> bool:
        watchdog.look()
        return ready()

    probes.wait(what, looked, seconds)


def is_well(url: str) -> Callable[[], bool]:
    return lambda: life.http(url)() is None


def test_a_program_that_stops_itself_is_restarted_and_a_person_is_told(
    tmp_path: Path,
    heard: list[Any],  # noqa: F811
    webhook: str,  # noqa: F811
) -> None:
    (port,) = ports.free(1)
    url = f"http://127.0.0.1:{port}/"
    (tmp_path / "server.py").write_text(SERVES)
    argv = (sys.executable, str(tmp_path / "server.py"), str(port))
    program = Program("server", argv, is_well(url))
    # nothing listens on the ports of its PostgreSQL: a person is told all the same
    s = settings_in(tmp_path, notify=SecretStr(webhook))
    supervisor = Supervisor(s)
    supervisor.load([program])
    try:
        start(program, supervisor, s.state)
        before = supervisor.process("server")["pid"]
        asked = Probes({"server": life.http(url)}, deadline=1)
        watchdog = Watchdog(Judge([Target("server", "server", 2, start=0)]), asked, supervisor, Reporter(s))
        watchdog.grace = 1
        for _ in range(3):
            watchdog.look()
        assert supervisor.process("server")["pid"] == before
        with pytest.raises(requests.Timeout):
            requests.get(f"{url}hang", timeout=1)
        look_until(watchdog, "another process", lambda: supervisor.process("server")["pid"] not in (0, before))
        probes.wait("its answer", is_well(url), 20)
        probes.wait("the message", lambda: bool(heard), 20)
        assert heard[0]["title"].startswith("stock_ml: server hung and is restarted")
        assert "gave no sign of life for" in heard[0]["message"]
    finally:
        supervisor.stop(last=())


def test_all_children_of_a_program_that_hangs_end_with_it(tmp_path: Path) -> None:
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    program = Program("family", (sys.executable, "-c", f"{code}; time.sleep(600)"), lambda: True)
    s = load(home=tmp_path)
    supervisor = Supervisor(s)
    supervisor.load([program])
    try:
        start(program, supervisor, s.state)
        parent = psutil.Process(supervisor.process("family")["pid"])
        probes.wait("a child", lambda: len(parent.children()) == 1, 20)
        (child,) = parent.children()
        for process in (parent, child):
            process.suspend()
        end(parent.pid, grace=0.5)
        assert not psutil.pid_exists(child.pid) or child.status() == psutil.STATUS_ZOMBIE
        probes.wait("another", lambda: supervisor.process("family")["pid"] not in (0, parent.pid), 20)
    finally:
        supervisor.stop(last=())


HANGS = """
import os, signal, sys, time
from local.watchdog.deadline import Deadline
deadline = Deadline(1)
for _ in range(int(sys.argv[1])):
    deadline.renew()
    time.sleep(0.2)
if sys.argv[1] == "1":
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.parametrize(("turns", "ended"), [("1", -signal.SIGKILL), ("10", 0)])
def test_who_stands_still_is_killed_though_it_is_stopped_and_who_goes_on_is_not(turns: str, ended: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS, turns], cwd=ROOT)
    assert process.wait(60) == ended


@pytest.fixture
def own(kafka: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Supervisor]]:
    """A PostgreSQL and a consumer of one's own under supervisord, on the run's Kafka, with the watchdog's tables."""
    given = {"kafka_port": kafka.kafka_port, "source": "csv", "csv_path": Path("GOOGL.csv"), "symbols": ("GOOGL",)}
    given |= {"kafka_password": kafka.kafka_password}
    s = settings_in(tmp_path, **given, window=16, feed_gap_minutes=5, kafka_topic="watchdog")
    ensure_topics(s)
    env = settings_environment(s)
    argv = (sys.executable, "-m", "tests.adapters.consumer_alone")
    consumer = Program("consumer", argv, is_well(f"http://127.0.0.1:{s.consumer_port}/healthz"), env=env)
    programs = [postgres_program.program(s), consumer]
    supervisor = Supervisor(s)
    supervisor.load(programs)
    try:
        start(programs[0], supervisor, s.state)
        postgres_roles.ensure_roles(s)
        migrate(s)
        start(consumer, supervisor, s.state)
        yield s, supervisor
    finally:
        supervisor.stop(last=("postgres",))


def quick(s: Settings) -> list[Target]:
    """Return the installation's own targets, with less patience."""
    wanted = {"postgres": 4.0, "kafka": 4.0, "consumer": 1.0}
    return [replace(each, patience=wanted[each.name], start=0) for each in targets(s) if each.name in wanted]


def restarts(s: Settings) -> list[str]:
    found = ServiceStates.connect(s).read(WATCHDOG)
    return [each["program"] for each in found.state["restarts"]] if found else []


def test_a_postgresql_that_stands_still_is_restarted_and_the_consumer_that_waits_for_it_is_not(
    own: tuple[Settings, Supervisor],
    heard: list[Any],  # noqa: F811
    webhook: str,  # noqa: F811
) -> None:
    s, supervisor = own
    before = {p["name"]: p["pid"] for p in supervisor.processes()}
    asked = {name: probe for name, probe in probes_of(s).items() if name in ("postgres", "kafka", "consumer")}
    told = Reporter(s.model_copy(update={"notify": SecretStr(webhook)}))
    watchdog = Watchdog(Judge(quick(s)), Probes(asked), supervisor, told)
    watchdog.grace = 2
    watchdog.look()
    Freezer(s.postgres_port).freeze()  # all of it: what a killed server leaves must end too
    look_until(
        watchdog, "another PostgreSQL", lambda: supervisor.process("postgres")["pid"] not in (0, before["postgres"])
    )
    look_until(watchdog, "its answers", lambda: postgres_program.answers(s))
    publisher = Publisher.connect(s)
    for bar in day()[:20]:
        publisher.bar(bar._replace(source="csv", symbol="GOOGL"))
    publisher.flush(10)
    with closing(ForecastStore.connect(s)) as store:
        at = day()[0].ts
        look_until(watchdog, "the bars", lambda: store.count_stored(("GOOGL",), 1, at, at + 6000).bars == 20)
    assert supervisor.process("consumer")["pid"] == before["consumer"]
    look_until(watchdog, "the report", lambda: restarts(s) == ["postgres"])
    probes.wait("the message", lambda: bool(heard), 20)
    assert [each["title"] for each in heard] == ["stock_ml: postgres hung and is restarted"]


def test_offsets_that_stand_while_messages_wait_are_seen(kafka: Settings) -> None:
    s = kafka.model_copy(update={"kafka_topic": "offsets", "kafka_partitions": 1})
    ensure_topics(s)
    topic, probe = Topics.of(s).bars, consumer_offsets(s)
    reader = Consumer(client_config(s) | {"group.id": consumer_group(s), "enable.auto.commit": False})
    assert (probe(), probe()) == (None, None)  # there is nothing to read
    publisher = Publisher.connect(s)
    for bar in day()[:3]:
        publisher.bar(bar)
    publisher.flush(10)
    probe()
    assert probe() == "3 messages wait, and its offset in partition 0 stands still"
    for read in (1, 2):
        reader.commit(offsets=[TopicPartition(topic, 0, read)], asynchronous=False)
        assert probe() is None
    assert probe() == "1 messages wait, and its offset in partition 0 stands still"
    reader.commit(offsets=[TopicPartition(topic, 0, 3)], asynchronous=False)
    assert (probe(), probe()) == (None, None)
    reader.close()


def test_probes_take_an_installation_without_tables_and_topics_as_it_is_while_make_up_works(
    kafka: Settings, tmp_path: Path
) -> None:
    s = settings_in(tmp_path, source="sandbox", kafka_topic="not-yet").model_copy(
        update={name: getattr(kafka, name) for name in ("kafka_port", "kafka_password")}
    )
    with running(postgres_program.program(s), s):
        postgres_roles.ensure_roles(s)
        asked = {name: probe for name, probe in probes_of(s).items() if name in ("postgres", "kafka", "feed", OFFSETS)}
        assert Probes(asked, deadline=60).faults() == {"postgres": None, "kafka": None, OFFSETS: None}


def test_servers_that_answer_show_a_sign_of_life_and_those_that_are_away_show_none(
    postgres: Settings, kafka: Settings, s3: Settings, tmp_path: Path
) -> None:
    away = settings_in(tmp_path)
    for probe in (life.postgres, life.kafka, life.s3):
        assert probe(postgres)() is None
        assert "127.0.0.1" in str(probe(away)())
    wrong = postgres.model_copy(update={"postgres_stockml_password": SecretStr("no"), "s3_secret_key": SecretStr("no")})
    assert (life.postgres(wrong)(), life.s3(wrong)()) == (None, None)  # who refuses does not hang


@pytest.mark.parametrize("state", ["stands still", "answers", "is away"])
def test_the_probe_in_a_container_ends_a_service_that_stands_still_and_no_other(tmp_path: Path, state: str) -> None:
    end_if_it_hangs = runpy.run_path(str(ROOT / "docker" / "end_hung.py"))["end_if_it_hangs"]
    (port,) = ports.free(1)
    url = f"http://127.0.0.1:{port}/healthz"
    (tmp_path / "server.py").write_text(SERVES)
    s = load(home=tmp_path, source="sandbox", consumer_port=port)
    if state == "is away":
        assert not end_if_it_hangs(s.consumer_port)
        return
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "server.py"), str(port)], stderr=subprocess.DEVNULL
    ) as server:
        probes.wait("the server", is_well(url), 20)
        if state == "stands still":
            server.send_signal(signal.SIGSTOP)
        assert end_if_it_hangs(s.consumer_port) == (state == "stands still")
        assert server.poll() is None or state == "stands still"
        server.kill()


def test_doctor_says_what_hung(postgres: Settings) -> None:
    tables(postgres)
    states, now = ServiceStates.connect(postgres), time.time()
    old = Restart(at=now - 2 * 86_400, program="kafka", reason="old")
    states.write(WATCHDOG, WatchdogReport(restarts=[old], silent={}))
    assert watchdog_check(postgres) == ("looks; nothing hung in the last day", "", "ok")
    new = Restart(at=now, program="postgres", reason="no answer")
    states.write(WATCHDOG, WatchdogReport(restarts=[old, new], silent={"feed": "no new bar"}))
    found = watchdog_check(postgres)
    assert found.state == "note"
    assert found.message.startswith("feed: no new bar; restarted at ")
    assert found.message.endswith("postgres (no answer)")
