"""A person is told by webhook and by mail, on a real HTTP and a real SMTP server; what is away fails nothing."""

import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from local import ports
from stock_ml.adapters.notifier import notify
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings, load
from stock_ml.errors import BadSetting
from stock_ml.evaluation.live_performance import Alert
from stock_ml.monitoring.freshness import DEADLINE
from stock_ml.monitoring.notify import notify_alert, notify_failure, notify_training
from tests.servers import tables

# one of apprise's hundred services uses an old module; all are loaded with the first address
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    with server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
def webhook(heard: list[Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"json://127.0.0.1:{port}/told"


@pytest.fixture
def mail(heard: list[Any]) -> Iterator[str]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    heard.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 well\r\n")
                if word == b"QUIT":
                    return

    with served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"mailto://127.0.0.1:{port}?from=stock@ml.example&to=me@there.example&mode=insecure"


def settings(*addresses: str) -> Settings:
    return load(source="sandbox", notify=SecretStr(",".join(addresses)) if addresses else None)


def test_webhook_and_mail_are_told_of_an_alert_and_that_it_is_simulated(
    webhook: str, mail: str, heard: list[Any]
) -> None:
    notify_alert(settings(webhook, mail), Alert("drift", "volatility by 7.50", "7", 0.0, 0.0))
    (hook,) = [one for one in heard if isinstance(one, dict)]
    (letter,) = [one for one in heard if isinstance(one, str)]
    assert hook["title"] == "stock_ml: alert, drift · SIMULATED"
    assert "volatility by 7.50" in hook["message"]
    assert "To: me@there.example" in letter


def test_a_failed_run_says_where_to_look_and_a_training_whether_it_serves(webhook: str, heard: list[Any]) -> None:
    s = settings(webhook)
    notify_failure(s, "monitor_forecasts", "scheduled__1")
    made = {"version": "3", "promoted": "huber", "skill": 0.041, "reason": "better", "run_id": "r"}
    notify_training(s, made | {"alias": "champion"})
    notify_training(s, made | {"alias": "challenger"})
    assert "not clean in time" in heard[0]["message"]
    assert heard[0]["message"].endswith("/dags/monitor_forecasts/runs/scheduled__1")
    assert [one["title"].split(": ")[1] for one in heard[1:]] == [
        "version 3 serves · SIMULATED",
        "version 3 waits for a person",
    ]
    assert "huber, skill 4.1%: better" in heard[1]["message"]


def test_a_missed_deadline_names_the_symbols(webhook: str, heard: list[Any], postgres: Settings) -> None:
    tables(postgres)
    s = postgres.model_copy(update={"notify": SecretStr(webhook)})
    store = MonitoringStore.connect(s)
    for told in ("not clean 120 minutes after the close: GOOGL 2024-03-01", ""):
        store.write_state(DEADLINE, {"told": told})
        notify_failure(s, "monitor_forecasts", "scheduled__1")
    store.close()
    assert heard[0]["message"].startswith("not clean 120 minutes after the close: GOOGL 2024-03-01")
    assert heard[1]["message"].startswith("the live forecasts could not be judged")


def test_what_is_away_fails_nothing_and_no_password_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = ports.free(1)
    assert not notify(settings(f"json://me:secret-word@127.0.0.1:{port}"), "a", "b")
    assert "not everyone could be told" in caplog.text
    assert "secret-word" not in caplog.text


def test_where_nobody_is_named_nobody_is_told_and_what_is_no_address_is_said_to_be_none() -> None:
    assert not notify(settings(), "a", "b")
    with pytest.raises(BadSetting, match="STOCKML_NOTIFY"):
        notify(settings("nonsense"), "a", "b")
