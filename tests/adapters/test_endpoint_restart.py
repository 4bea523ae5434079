"""The pages of a service on a real port: there again after a restart, and not where another serves."""

import requests
from prometheus_client import CollectorRegistry

from local import ports
from serving.common.health import Health
from serving.common.http_endpoints import serve


def test_the_pages_are_served_again_after_a_restart_that_follows_a_scrape() -> None:
    (port,) = ports.free(1)
    for start in ("first", "second"):
        server = serve(("127.0.0.1", port), CollectorRegistry(), Health())
        assert server is not None, start
        with server:
            assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).status_code == 200
            server.shutdown()


def test_a_port_on_which_another_serves_is_left_to_it() -> None:
    (port,) = ports.free(1)
    first = serve(("127.0.0.1", port), CollectorRegistry(), Health())
    assert first is not None
    with first:
        assert serve(("127.0.0.1", port), CollectorRegistry(), Health()) is None
        first.shutdown()
