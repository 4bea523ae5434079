"""The producer as a real process: live from the sandbox exchange, and replaying stored bars."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from psycopg.rows import namedtuple_row
from rich.console import Console

from local import ports
from local.first_forecast import await_forecast
from local.replay import forget_replay
from local.servers.services import environment, programs
from local.supervisor.program import PYTHON, ROOT
from serving.consumer.main import Consumer
from serving.producer.published_state import last_announced, published_between, recently_published
from serving.producer.schedule import last_finished
from stock_ml.adapters.broker import (
    ClosedSession,
    Publisher,
    Topics,
    decode_bar,
    decode_session,
    ensure_topics,
    read_back,
)
from stock_ml.adapters.lake import Lake, keys
from stock_ml.adapters.postgres.store import BarRow, ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import bars_of
from stock_ml.sources.registry import open_source
from stock_ml.training.version_tags import FILE, training_config
from tests.adapters.answering import Answer, answering
from tests.adapters.conftest import move_clock
from tests.adapters.test_broker import limit
from tests.adapters.test_consumer import Fixed
from tests.servers import running, tables
from tests.session_file import session_at
from tests.unit.serving.streams import day
from tests.walks import NYSE, frame

MINUTE = 60


@pytest.fixture
def s(kafka: Settings, postgres: Settings, s3: Settings) -> Settings:
    """Settings with topics of their own, and tables and bucket."""
    tables(kafka)
    own = kafka.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}", "window": 16, "feed_gap_minutes": 5})
    ensure_topics(own)
    Lake.connect(own).ensure_bucket()
    return own


@pytest.fixture
def live(s: Settings, sandbox: Settings) -> Settings:
    """Settings of the sandbox, the meaning of its labels already learned."""
    Lake.connect(s).write_convention("start")
    return s


@pytest.fixture
def mlflow() -> Iterator[Answer]:
    """What stands in MLflow's place: it says that there is no champion yet."""
    with answering() as answer:
        yield answer


@pytest.fixture
def held(s: Settings, mlflow: Answer, tmp_path: Path) -> Settings:
    """Settings of a csv installation with three sessions of clean bars, the last two held out."""
    path, symbol = tmp_path / "bars.csv", f"T{uuid4().hex[:8].upper()}"
    path.write_text(session_at(100))
    given = {"source": "csv", "csv_path": path, "symbols": (symbol,), "holdout_sessions": 2, "sandbox_speed": 1e6}
    own = s.model_copy(update=given | {"mlflow_url": mlflow.url})
    tables(own)
    clean = fill(Minutes.of_bars(day(without=range(30, 33), sessions=3)), NYSE, 5)
    Lake.connect(own).write_clean(symbol, "2024-03", frame(symbol, clean))
    of_the_file(own)
    return own


def of_the_file(s: Settings) -> None:
    """Note that the clean bars are made from the file as it is now."""
    (digest,) = CsvFiles.connect(s).digests(s.symbols)
    Lake.connect(s).write_quality(s.symbols[0], "2024-03", {"raw": f"raw/{digest}"})


@contextmanager
def producing(s: Settings) -> Iterator[None]:
    store = ForecastStore.connect(s)
    store.write_state("producer", {})  # forget what another process said
    store.close()
    with running(next(p for p in programs(s) if p.name == "producer"), s) as process:
        yield
        began = monotonic()
        process.terminate()
        assert process.wait(30) == 0
        assert monotonic() - began < 5


@contextmanager
def consuming(s: Settings) -> Iterator[None]:
    stopping = Event()
    thread = Thread(target=Consumer.connect(s, Fixed(), stopping).run)
    thread.start()
    try:
        yield
    finally:  # else a test that fails leaves a thread that never lets the process end
        stopping.set()
        thread.join(30)


def on_topic(s: Settings) -> list[Bar]:
    return [decode_bar(value) for value in read_back(s, Topics.of(s).bars)]


def closed_sessions(s: Settings) -> list[str]:
    return [decode_session(value).session for value in read_back(s, Topics.of(s).sessions)]


def newest(s: Settings) -> dict[str, int]:
    return {bar.symbol: bar.ts for bar in sorted(on_topic(s), key=lambda bar: bar.ts)}


def at_source(s: Settings, symbol: str, first: int) -> list[int]:
    """Return the times of all finished bars that the source has from one on."""
    answers = [open_source(s).fetch(symbol, month) for month in ("2024-02", "2024-03")]
    return [bar.ts for answer in answers for bar in bars_of(answer, "start", s.calendars.of("")) if bar.ts >= first]


def state(s: Settings) -> dict[str, Any]:
    store = ForecastStore.connect(s)
    told = store.read_state("producer")
    store.close()
    return told[0] if told and told[1] < 5 else {}


def wait(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"waited for {seconds} s"
        Event().wait(0.1)


def all_there(s: Settings, now: float) -> bool:
    expected = last_finished(now, sessions(s.exchange))
    return all(newest(s).get(symbol, 0) >= expected - 5 * MINUTE for symbol in s.symbols)


def move_into_session(s: Settings) -> float:
    """Move the sandbox's clock on to where a session has an hour or more before it, and return where it stands."""
    now, calendar = move_clock(s, 0), sessions(s.exchange)
    is_open, change = calendar.change(now)
    assert change is not None
    return now if is_open and change - now >= 3600 else move_clock(s, 7200)


def test_each_new_bar_is_published_once_also_over_a_restart_of_hours(live: Settings) -> None:
    now = move_into_session(live)
    with producing(live):
        wait(lambda: all_there(live, now))
        now = move_clock(live, 600)
        wait(lambda: all_there(live, now))
        wait(lambda: state(live)["market_open"] is True)  # it is stored each few seconds
        assert state(live)["simulated"] is True
    now = move_clock(live, 3 * 3600)
    with producing(live):
        wait(lambda: all_there(live, now))
        now = move_clock(live, 3600 * 4)
        wait(lambda: all_there(live, now))
        wait(lambda: len(closed_sessions(live)) >= 1)
    published = on_topic(live)
    for symbol in live.symbols:
        times = [bar.ts for bar in published if bar.symbol == symbol]
        assert times == at_source(live, symbol, times[0])[: len(times)]
    assert closed_sessions(live) == sorted(set(closed_sessions(live)))


def test_a_first_session_that_closes_while_the_producer_is_down_is_announced(live: Settings) -> None:
    now, calendar = move_into_session(live), sessions(live.exchange)
    with producing(live):
        wait(lambda: all_there(live, now))
    number = calendar.ended(now)
    session = str(calendar.dates[number])
    assert session not in closed_sessions(live)  # those before it may be there, as other tests stored bars of them
    move_clock(live, calendar.closes[number] - now + 600)  # the next session has begun
    with producing(live):
        wait(lambda: session in closed_sessions(live))
    assert closed_sessions(live).count(session) == 1


def store_as_received(s: Settings, bars: Iterable[Bar]) -> None:
    store = ForecastStore.connect(s)
    store.store([BarRow(*bar[:7], filled=False, source=bar.source, late=False) for bar in bars], [])
    store.close()


def test_what_was_published_is_known_from_the_topic_and_from_what_is_stored_and_not_from_others(s: Settings) -> None:
    symbol, quiet = f"T{uuid4().hex[:8].upper()}", f"T{uuid4().hex[:8].upper()}"
    own = s.model_copy(update={"symbols": (symbol, quiet)})
    bars = [bar._replace(symbol=symbol) for bar in day(sessions=2)]
    others = [bars[60]._replace(source="csv"), bars[61]._replace(symbol="OTHER"), bars[500]]
    publisher = Publisher.connect(own)
    for bar in (*bars[20:25], *others):
        publisher.bar(bar)
    assert publisher.flush(30) == 0
    store_as_received(own, [*bars[15:23], bars[500], bars[10]._replace(symbol=quiet)])
    store = ForecastStore.connect(own)
    known = recently_published(own, store, bars[100].ts)
    store.close()
    assert known[symbol].newest == bars[24].ts
    assert [bar for bar in bars[15:30] if known[symbol].unpublished(bar)] == bars[25:30]
    assert known[quiet].newest == bars[10].ts


def test_a_replay_does_not_repeat_what_is_stored_where_the_topic_lost_it(s: Settings) -> None:
    own = s.model_copy(update={"symbols": (f"T{uuid4().hex[:8].upper()}",)})
    bars = [bar._replace(symbol=own.symbols[0]) for bar in day()[:20]]
    store_as_received(own, bars)
    assert published_between(own, bars[3].ts, bars[5].ts) == {(bar.symbol, bar.ts) for bar in bars[3:6]}


@pytest.fixture
def recomputing(s: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a sandbox that corrects much of what it showed, with a symbol of its own."""
    given = {"symbols": (f"T{uuid4().hex[:8].upper()}",), "home": tmp_path, "sandbox_corrections": 0.5}
    own = s.model_copy(update=given | {"sandbox_port": ports.free(1)[0]})
    Lake.connect(own).write_convention("start")
    with running(next(p for p in programs(own) if p.name == "sandbox"), own):
        move_clock(own, 30 * MINUTE)
        yield own


def stored_rows(s: Settings, table: str) -> list[Any]:
    with psycopg.connect(s.postgres(), row_factory=namedtuple_row) as connection:
        statement = f"select * from {table} where symbol = %s order by 2, 3"  # noqa: S608 - names of this file
        return connection.execute(statement, [s.symbols[0]]).fetchall()


def received_bars(s: Settings) -> dict[int, Any]:
    return {int(row.ts.timestamp()): row for row in stored_rows(s, "bars") if not row.filled}


def test_a_feed_that_recomputes_its_bars_leaves_the_settled_ones_over_restarts(recomputing: Settings) -> None:
    s, made = recomputing, dict[Any, Any]()
    for _ in range(3):
        with producing(s), consuming(s):
            for _ in range(6):
                now = move_clock(s, MINUTE)
                wait(lambda now=now: last_finished(now, NYSE) <= max(received_bars(s), default=0) + MINUTE)  # type: ignore[misc]
        before = {row.bar_ts: row for row in stored_rows(s, "forecasts")}
        assert made.items() <= before.items()
        made = before
    answers = [open_source(s).fetch(s.symbols[0], month) for month in ("2024-02", "2024-03")]
    settled = {bar.ts: bar for answer in answers for bar in bars_of(answer, "start", NYSE)}
    bars, replaced = received_bars(s), stored_rows(s, "replaced_bars")
    for ts, row in bars.items():
        if ts + 4 * MINUTE < now:
            assert (row.open, row.high, row.low, row.close, row.volume) == settled[ts][2:7]
    assert sum(row.revision for row in bars.values()) == len(replaced) > 3
    assert all(row.volume < bars[int(row.ts.timestamp())].volume for row in replaced)
    published = [(bar.ts, bar.revision) for bar in on_topic(s)]
    assert len(set(published)) == len(published) == len(bars) + len(replaced)
    assert len(made) > 10


def test_a_session_is_announced_by_ourselves_only_when_it_closed(s: Settings) -> None:
    close = int(NYSE.closes[NYSE.number(np.array(day()[0].ts))])
    publisher = Publisher.connect(s)
    for one in (
        ClosedSession("XNYS", "2024-03-01", close),
        ClosedSession("XLON", "2024-03-01", close + 60),
        ClosedSession("XNYS", "2024-03-04", close + 3 * 86_400),
        ClosedSession("XNYS", "2024-03-02", close + 120),
    ):
        publisher.session(one)
    assert publisher.flush(30) == 0
    assert last_announced(s, close + 86_400) == {"XNYS": close}
    assert last_announced(s) == {"XNYS": close + 3 * 86_400}


def test_without_history_it_waits_and_says_so(s: Settings, sandbox: Settings) -> None:
    lake = Lake.connect(s)
    lake.objects.delete(keys.convention(s.source))
    with producing(s):
        wait(lambda: "waiting for history" in str(state(s).get("waiting")))
        assert on_topic(s) == []
        lake.write_convention("start")
        wait(lambda: len(newest(s)) == len(s.symbols))


def test_a_key_that_is_missing_is_named_and_the_process_stays(s: Settings) -> None:
    own = s.model_copy(update={"source": "alpha_vantage", "symbols": ("GOOGL",)})
    tables(own)
    with producing(own):
        wait(lambda: "BadKey" in str(state(own).get("waiting")))


def waits_for(s: Settings, word: str) -> None:
    wait(lambda: word in str(state(s).get("waiting")))
    assert state(s)["replay"] == "waiting"
    assert on_topic(s) == []


def test_the_holdout_is_replayed_when_the_model_of_the_file_serves_and_every_bar_of_it_is_forecast(
    held: Settings, mlflow: Answer
) -> None:
    with producing(held), consuming(held):
        waits_for(held, "waiting for a champion trained for")
        mlflow.version("8", training_config(held))
        waits_for(held, "waiting for the consumer to serve")
        mlflow.version("7", training_config(held))
        wait(lambda: state(held).get("replay") == "over")
        wait(lambda: forecast_minutes(held) == expected_minutes())
        arrived(held)
    assert closed_sessions(held) == ["2024-03-04", "2024-03-05"]
    before = on_topic(held)
    assert len(before) == 3 * 390 - 3
    with producing(held), consuming(held):
        wait(lambda: state(held).get("replay") == "over")
    assert on_topic(held) == before
    assert closed_sessions(held) == ["2024-03-04", "2024-03-05"]


def arrived(s: Settings) -> None:
    console = Console(width=200)
    with console.capture() as said:
        await_forecast(s, console)
    assert said.get() == "the replay is over: 778 forecasts at 780 held-out bars\n"


def test_a_file_that_changed_waits_for_its_own_bars_and_model_and_begins_anew(held: Settings, mlflow: Answer) -> None:
    old = training_config(held)
    mlflow.version("7", old)
    with producing(held), consuming(held):
        wait(lambda: state(held).get("replay") == "over")
        wait(lambda: forecast_minutes(held) == expected_minutes())
    CsvFiles.connect(held).path.write_text(session_at(101))
    forget_replay(held, Console(quiet=True))
    assert forecast_minutes(held) == set()
    assert closed_sessions(held) == []
    with producing(held), consuming(held):
        waits_for(held, "waiting for a champion trained for")
        mlflow.version("7", old | {FILE: ",".join(CsvFiles.connect(held).digests(held.symbols))})
        waits_for(held, "waiting for clean bars of this file")
        of_the_file(held)
        wait(lambda: state(held).get("replay") == "over")
        wait(lambda: forecast_minutes(held) == expected_minutes())
    assert closed_sessions(held) == ["2024-03-04", "2024-03-05"]


def test_where_nothing_is_held_out_that_is_said(held: Settings, mlflow: Answer) -> None:
    own = held.model_copy(update={"holdout_sessions": 0})
    mlflow.version("7", training_config(own))
    with producing(own), consuming(own):
        wait(lambda: state(own).get("replay") == "nothing")
    assert "STOCKML_HOLDOUT_SESSIONS" in state(own)["waiting"]
    assert on_topic(own) == []


def forecast_minutes(s: Settings) -> set[int]:
    with psycopg.connect(s.postgres()) as connection:
        statement = "select extract(epoch from bar_ts)::bigint from forecasts where symbol = %s and not late"
        return {ts for (ts,) in connection.execute(statement, [s.symbols[0]])}


def expected_minutes() -> set[int]:
    """Return all received bars but the first window and the last of each session."""
    bars = np.array([bar.ts for bar in day(without=range(30, 33), sessions=3)])
    last = NYSE.minute(bars) == 389
    return set(bars[15:][~last[15:]].tolist())


def test_a_replay_by_hand_goes_on_from_what_is_published(held: Settings) -> None:
    def replay(*words: str, code: int = 0) -> str:
        argv = [PYTHON, "-m", "serving.producer.main", "--replay", *words, "--speed", "max"]
        done = subprocess.run(argv, env=os.environ | environment(held), cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == code, done.stdout
        return done.stdout

    assert "replayed bars=390" in replay("2024-03-04", "2024-03-04")
    assert "replayed bars=387" in replay("2024-03-01", "2024-03-04")
    assert "replayed bars=390" in replay("holdout")
    assert "replayed bars=0" in replay("holdout")
    assert len(set(on_topic(held))) == len(on_topic(held)) == 3 * 390 - 3
    assert "no bars from 2023-03-01" in replay("2023-03-01", "2023-03-03", code=1)


def test_a_producer_whose_bars_are_refused_ends_and_its_next_start_goes_on_in_order(held: Settings) -> None:
    def replay() -> subprocess.CompletedProcess[str]:
        argv = [PYTHON, "-m", "serving.producer.main", "--replay", "2024-03-04", "2024-03-04", "--speed", "max"]
        env = os.environ | environment(held)
        return subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=False)

    limit(held, 50)
    refused = replay()
    assert refused.returncode == 1
    assert "Kafka refused a message for good" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr, refused.stdout + refused.stderr
    assert on_topic(held) == []
    limit(held, 1_000_000)
    assert replay().returncode == 0
    assert [bar.ts for bar in on_topic(held)] == [bar.ts for bar in day(sessions=2)[390:]]
