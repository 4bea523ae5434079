"""The three pages of a service, requested without a socket."""

from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from serving.common.health import LONGEST_TURN, SLOW_TURN, Health
from serving.common.http_endpoints import app
from serving.common.metrics import ConsumerMeters, ProducerMeters
from stock_ml.errors import BrokerUnavailable, SourceUnavailable, StoreUnavailable


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.health = Health(lambda: self.now)

    def get(
        self,
        path: str,
        registry: CollectorRegistry | None = None,
        host: str = "localhost:1",
        hosts: tuple[str, ...] = (),
    ) -> tuple[str, bytes]:
        statuses: list[str] = []
        environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "QUERY_STRING": "", "HTTP_HOST": host}
        pages = app(registry or CollectorRegistry(), self.health, hosts)
        body = b"".join(pages(environ, lambda status, _: statuses.append(status)))
        return statuses[0].partition(" ")[0], body


def test_a_service_lives_while_its_loop_turns_or_retries_what_is_unavailable() -> None:
    world = World()
    assert world.get("/healthz")[0] == "200"
    world.now = LONGEST_TURN
    assert world.get("/healthz") == ("503", b'{"alive":false}')
    world.health.record_error(StoreUnavailable("PostgreSQL at a:1 does not answer"))
    assert world.get("/healthz")[0] == "200"
    world.now = 2 * LONGEST_TURN
    world.health.record_turn()
    assert world.get("/healthz")[0] == "200"


def test_it_is_ready_after_a_turn_and_names_each_dependency_that_is_unavailable() -> None:
    world = World()
    assert world.get("/readyz") == ("503", b'{"ready":false,"waiting":{"start":"no turn is over yet"}}')
    world.health.record_turn()
    assert world.get("/readyz") == ("200", b'{"ready":true,"waiting":{}}')
    for error in (StoreUnavailable("no database"), BrokerUnavailable("no broker"), SourceUnavailable("no clock")):
        world.health.record_error(error)
    world.health.set_fault("champion", "none yet")
    status, body = world.get("/readyz")
    expected = {"postgresql": "no database", "kafka": "no broker", "source": "no clock", "champion": "none yet"}
    assert (status, orjson.loads(body)["waiting"]) == ("503", expected)
    for name in expected:
        world.health.set_fault(name, None)
    assert world.get("/readyz")[0] == "200"


def test_a_service_that_hangs_is_not_ready_though_every_dependency_is_available() -> None:
    world = World()
    world.health.record_turn()
    world.now = 75.0
    assert world.get("/readyz") == ("503", b'{"ready":false,"waiting":{"service":"no turn for 75 s: see its log"}}')
    world.health.record_turn()
    assert world.get("/readyz")[0] == "200"


def test_a_slow_turn_makes_a_service_unready_before_it_is_taken_for_dead() -> None:
    world = World()
    world.health.record_turn()
    world.now = SLOW_TURN
    assert world.get("/healthz")[0] == "200"
    assert world.get("/readyz") == ("503", b'{"ready":false,"waiting":{"service":"no turn for 15 s: see its log"}}')


def test_the_consumer_counts_what_it_does() -> None:
    meters = ConsumerMeters()
    meters.count_stored(5, 3, 1_709_303_400)
    meters.count_stored(2, 1, 1_709_303_340)  # late ones
    meters.rejected.inc(4)
    meters.batch.observe(0.03)
    meters.lag.set(12)
    meters.set_model("6", 0.0)
    meters.set_model("7", 1_709_303_000.0)
    text = World().get("/metrics", meters.registry)[1].decode()
    assert "stockml_bars_total 7.0" in text
    assert "stockml_forecasts_total 4.0" in text
    assert "stockml_rejected_total 4.0" in text
    assert 'stockml_batch_seconds_bucket{le="0.05"} 1.0' in text
    assert "stockml_lag_messages 12.0" in text
    assert [line for line in text.splitlines() if line.startswith("stockml_model_info")] == [
        'stockml_model_info{version="7"} 1.0'
    ]
    assert "stockml_model_age_seconds 400.0" in text
    assert "stockml_last_bar_timestamp_seconds 1.7093034e+09" in text
    assert "process_open_fds" in text


def test_the_lag_in_seconds_is_the_age_of_what_was_done_last_while_more_waits() -> None:
    now = [1000.0]
    meters = ConsumerMeters(lambda: now[0])
    assert meters.lag_seconds() == 0
    meters.lag_seconds.begin()
    now[0] += 7
    assert meters.lag_seconds() == 7  # a batch in hand that cannot be stored
    meters.lag_seconds.end(stamp=1004.0, left=10)
    assert meters.lag_seconds() == 3
    meters.lag_seconds.end(stamp=1006.0, left=0)
    assert meters.lag_seconds() == 0


def test_the_producer_counts_what_it_publishes() -> None:
    meters = ProducerMeters()
    assert "stockml_last_bar_age_seconds NaN" in World().get("/metrics", meters.registry)[1].decode()
    meters.count_published(1_709_303_400)
    text = World().get("/metrics", meters.registry)[1].decode()
    assert "stockml_bars_published_total 1.0" in text
    assert "NaN" not in text


def test_another_address_names_those_that_there_are() -> None:
    assert World().get("/") == ("404", b"/metrics, /healthz, /readyz\n")


def test_prometheus_may_ask_by_address_and_a_neighbour_by_a_trusted_name() -> None:
    for host in ("172.18.0.5:8615", "127.0.0.1", "10.0.0.7"):
        assert World().get("/metrics", host=host)[0] == "200"
    assert World().get("/metrics", host="consumer:8615")[0] == "400"
    assert World().get("/metrics", host="consumer:8615", hosts=("consumer",))[0] == "200"


def test_a_name_that_resolves_here_by_dns_rebinding_is_refused() -> None:
    for path in ("/metrics", "/healthz", "/readyz", "/"):
        status, body = World().get(path, host="evil.example")
        assert status == "400"
        assert b"STOCKML_TRUSTED_HOSTS" in body
