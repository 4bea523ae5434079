"""The pages of a service on a real port: there again after a restart, and at the address that is set."""

import pytest
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
            assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).status_code == 200
            server.shutdown()


def test_a_port_on_which_another_serves_is_left_to_it() -> None:
    (port,) = ports.free(1)
    first = serve(("127.0.0.1", port), CollectorRegistry(), Health())
    assert first is not None
    with first:
        assert serve(("127.0.0.1", port), CollectorRegistry(), Health()) is None
        first.shutdown()


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", None), ("0.0.0.0", 200)])  # noqa: S104 - as in a container
def test_the_pages_answer_at_another_address_only_where_they_are_told_to(address: str, status: int | None) -> None:
    (port,) = ports.free(1)
    server = serve((address, port), CollectorRegistry(), Health())
    assert server is not None
    with server:
        try:
            told: int | None = requests.get(f"http://127.0.0.2:{port}/metrics", timeout=30).status_code
        except requests.ConnectionError:
            told = None
        server.shutdown()
    assert told == status
