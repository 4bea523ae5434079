"""What pytest needs for the kit: its options, the source under test on a local server, and the sum at the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from stock_ml.config import Settings, load
from stock_ml.sources.plugin import Source
from stock_ml.sources.registry import open_source
from stock_ml.testing.hostile_cases import KINDS, Case
from stock_ml.testing.service import Service, Showing, serving

SYMBOL = "GOOGL"
HOSTILE = "test_hostile.py"
NOWHERE = "ws://127.0.0.1:9"  # nobody listens there


@dataclass
class Bench:
    """Hold a source's service on a local server, and open the source for a case."""

    name: str
    showing: Showing
    address: str
    folder: Path
    stream: str = NOWHERE

    @property
    def service(self) -> Service:
        """Return the service."""
        return self.showing.service

    def settings(self, case: Case) -> Settings:
        """Return settings by which the source asks the local server about the case's exchange."""
        # only a source of files looks at it: where an exchange trades all day, nothing in a file tells its zone
        given = {"csv_zone": case.calendar.zone} | self.service.settings(self.address, self.folder)
        given |= self.service.stream_settings(self.stream)
        exchange = case.calendar.exchange
        return load(_env_file=None, source=self.name, home=self.folder, symbols=SYMBOL, exchange=exchange, **given)

    def source(self, case: Case) -> Source:
        """Show a case's rows, and return the source."""
        self.showing.rows, self.showing.zone, self.showing.packed = case.rows, case.calendar.zone, case.packed
        self.service.publish(self.folder, case.rows, case.calendar.zone)
        return self.service.at(open_source(self.settings(case)), case.known_at)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that name the source and its service."""
    group = parser.getgroup("stock_ml", "the kit for sources of stock_ml")
    group.addoption("--source", help="name of the source")
    group.addoption("--service", help="MODULE:OBJECT, the Service that answers as the source's service does")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try each case that the source's layout can hold."""
    if "hostile" in metafunc.fixturenames:
        layout = _service(metafunc.config).layout
        names = [name for name, kind in KINDS.items() if layout in kind.layouts and not _is_of_order(name)]
        metafunc.parametrize("hostile", names)


def case_of(name: str, service: Service) -> Case:
    """Return a case by its name."""
    random = np.random.default_rng(list(KINDS).index(name))
    return KINDS[name].case(name, service.layout, random)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """The source under test, its service on a local server."""
    showing = Showing(_service(request.config))
    with serving(showing) as address:
        yield Bench(request.config.getoption("--source"), showing, address, tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many hostile answers the source passes, and how many of all tests it fails."""
    passed, wrong = (terminalreporter.getreports(state) for state in ("passed", "failed"))
    wrong += terminalreporter.getreports("error")
    hostile, refused = (sum(HOSTILE in report.nodeid for report in reports) for reports in (passed, wrong))
    name = terminalreporter.config.getoption("--source")
    said = f"fails {len(wrong)} tests, and passes" if wrong or not passed else "passes"
    terminalreporter.write_line(f"source {name} {said} {hostile} hostile answers of {hostile + refused}")


def _is_of_order(name: str) -> bool:
    """Say whether a case is one of the order of live bars: its answer is a clean one."""
    kind = KINDS[name]
    return kind.case(name, kind.layouts[0], np.random.default_rng(0)).deliver is not None


def _service(config: pytest.Config) -> Service:
    module, _, name = str(config.getoption("--service")).partition(":")
    service = getattr(import_module(module), name)
    if not isinstance(service, Service):
        raise pytest.UsageError(f"--service={module}:{name} is no stock_ml.testing.service.Service")
    return service
