"""Which names of the server are answered, and whose pages may change something."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.common.trusted_hosts import HOST_REFUSED, ORIGIN_REFUSED, is_address, refusal

PROXY = ("stocks.lan",)
OWN = ["127.0.0.1", "localhost", "127.0.0.1:8600", "localhost:1"]


@pytest.mark.parametrize("host", OWN)
def test_loopback_is_answered_by_its_names(host: str) -> None:
    assert refusal("GET", host, None) is None
    assert refusal("POST", host, None) is None
    assert refusal("POST", host, f"http://{host}") is None


def test_a_client_of_http_1_0_that_names_no_host_is_answered() -> None:
    assert refusal("GET", "", None) is None
    assert refusal("POST", "", "https://evil.example") is not None


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8600", "a@127.0.0.1", "127.0.0.1:x"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_other_name_is_refused(method: str, host: str) -> None:
    assert refusal(method, host, None) == HOST_REFUSED


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:9999", "http://127.0.0.1", "file://"]
)
def test_a_page_of_another_origin_changes_nothing(origin: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert refusal(method, "127.0.0.1:8603", origin) == ORIGIN_REFUSED
    assert refusal("GET", "127.0.0.1:8603", origin) is None  # reading is stopped by the browser: no answer allows it


def test_a_proxy_is_known_by_its_name() -> None:
    assert refusal("POST", "stocks.lan", "https://stocks.lan", PROXY) is None
    assert refusal("POST", "127.0.0.1:8600", "https://stocks.lan:443", PROXY) is None  # it passes its own address on
    assert refusal("POST", "127.0.0.1:8600", "https://evil.example", PROXY) == ORIGIN_REFUSED
    assert refusal("GET", "sub.stocks.lan", None, PROXY) == HOST_REFUSED


@given(st.text())
def test_no_text_but_a_name_of_loopback_is_answered(host: str) -> None:
    known = host == "" or host.partition(":")[0] in ("127.0.0.1", "localhost")
    assert refusal("GET", host, None) == HOST_REFUSED or known


@given(st.ip_addresses(v=4), st.none() | st.integers(1, 65535))
def test_an_address_is_told_from_a_name(address: IPv4Address, port: int | None) -> None:
    after = "" if port is None else f":{port}"
    assert is_address(f"{address}{after}")
    assert not is_address(f"{address}.evil.example{after}")


@pytest.mark.parametrize("host", ["", "localhost", "evil.example:8615", "a@10.0.0.7", "10.0.0.7:x", "010.0.0.7"])
def test_what_is_not_an_address_alone_is_a_name(host: str) -> None:
    assert not is_address(host)
