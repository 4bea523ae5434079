"""A page of another site in a real browser reads nothing of this machine's servers, and changes nothing there."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from playwright.sync_api import Page, Playwright

from local.servers import services
from stock_ml.config import Settings
from tests.e2e.pages import CHROMIUM
from tests.http import answering, send
from tests.servers import running

REBOUND = "rebound.example"  # a name of the attacker's that resolves to 127.0.0.1
OPEN = ["--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"]  # as other browsers are
FETCH = """async ([url, options]) => {
  try { const answer = await fetch(url, options); return [answer.status, await answer.text()]; }
  catch (error) { return [0, String(error)]; }
}"""


@pytest.fixture(scope="module")
def sandbox(settings: Settings) -> Iterator[Settings]:
    with running(next(p for p in services.programs(settings) if p.name == "sandbox"), settings):
        yield settings


@pytest.fixture
def foreign() -> Iterator[str]:
    """The address of another site's page."""

    def page(request: BaseHTTPRequestHandler) -> None:
        send(request, b"<title>another site</title>", kind="text/html")

    with answering(page) as address:
        yield address


@pytest.fixture(scope="module")
def attacker(playwright: Playwright) -> Iterator[Page]:
    """A page in a browser that lets it ask local servers, where the attacker's name resolves to 127.0.0.1."""
    rules = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*CHROMIUM, *OPEN, rules])
    yield browser.new_page()
    browser.close()


def fetch(page: Page, url: str, **options: object) -> tuple[int, str]:
    status, text = page.evaluate(FETCH, [url, options])
    return status, text


def speed(s: Settings) -> float:
    return float(requests.get(f"{s.sandbox}/clock", timeout=30).json()["speed"])


CHANGE = '{"paused": false, "speed": 7}'
PLAIN = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}


def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(
    sandbox: Settings, served: Settings, foreign: str, attacker: Page
) -> None:
    attacker.goto(foreign)
    before = speed(sandbox)
    for mode, headers in (("cors", JSON), ("cors", PLAIN), ("no-cors", PLAIN)):
        fetch(attacker, f"{sandbox.sandbox}/clock", method="POST", body=CHANGE, headers=headers, mode=mode)
    assert speed(sandbox) == before
    for url in (f"{sandbox.sandbox}/clock", f"http://127.0.0.1:{served.dashboard_port}/data"):
        assert fetch(attacker, url) == (0, "TypeError: Failed to fetch")


def test_a_name_that_resolves_to_this_machine_is_not_answered(
    sandbox: Settings, served: Settings, attacker: Page
) -> None:
    before = speed(sandbox)
    for port, path in ((sandbox.sandbox_port, "clock"), (served.dashboard_port, "data"), (served.dashboard_port, "")):
        answer = attacker.goto(f"http://{REBOUND}:{port}/{path}")
        assert answer is not None
        assert answer.status == 400
        assert "STOCKML_TRUSTED_HOSTS" in answer.text()
    attacker.goto(f"http://{REBOUND}:{sandbox.sandbox_port}/")  # its scripts are now of one origin with the exchange
    url = f"http://{REBOUND}:{sandbox.sandbox_port}/clock"
    assert fetch(attacker, url, method="POST", body=CHANGE, headers=JSON)[0] in (0, 400)
    assert speed(sandbox) == before
