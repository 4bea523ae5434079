"""The list of sources names every plug-in, and why one cannot be used."""

from pathlib import Path

import pytest
from rich.console import Console

from stock_ml.cli.sources import table
from stock_ml.source_plugins import BUILT_IN
from tests.packages import other_packages, package


def shown() -> str:
    console = Console(width=400)
    with console.capture() as capture:
        console.print(table())
    return capture.get()


def test_each_source_is_listed_with_its_package_and_one_that_is_wrong_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package(tmp_path, "good_one")
    package(tmp_path, "bad_one", "raise RuntimeError('[no] licence')")
    package(tmp_path, "yahoo", module="package_of_other_yahoo")
    with other_packages():
        lines = {tuple(line.split()[:2]): line for line in shown().splitlines() if line.strip()}
    assert {(name, "stock_ml") for name in BUILT_IN} <= set(lines)
    assert "whole months" in lines["good_one", "package-of-good_one"]
    assert "cannot be used:" in lines["bad_one", "package-of-bad_one"]
    assert "RuntimeError: [no] licence" in lines["bad_one", "package-of-bad_one"]
    assert "'yahoo' is built in" in lines["yahoo", "package-of-yahoo"]
    assert "SIMULATED" in lines["sandbox", "stock_ml"]
    assert "live by push, live from IEX" in lines["alpaca", "stock_ml"]
    assert "live by polling" in lines["yahoo", "stock_ml"]
