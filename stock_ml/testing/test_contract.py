"""What holds for every source."""

from typing import get_args

import numpy as np
import pytest
from pydantic import SecretStr

from stock_ml.errors import ContractBroken, NoBars, SourceUnavailable, StockMLError
from stock_ml.sources.parsing import bars_of, read
from stock_ml.sources.registry import requests_for
from stock_ml.testing.pytest_plugin import SYMBOL, Bench, case_of
from stock_ml.testing.replay import cleaned, mistake
from stock_ml.testing.service import Fault

MONTH = "2024-03"


def test_a_month_is_the_bars_that_the_service_has(bench: Bench) -> None:
    case = case_of("clean", bench.service)
    response = bench.source(case).fetch(SYMBOL, MONTH)
    found = cleaned(case, response, bench.service.convention)
    assert mistake(case, found) == ""
    assert set(found.bars["symbol"]) == {SYMBOL}
    assert set(found.bars["source"]) == {bench.name}


def test_the_newest_bars_end_with_the_newest_minute(bench: Bench) -> None:
    case = case_of("clean", bench.service)
    if bench.settings(case).replayed:
        pytest.skip("a file has no live bars")
    response = bench.source(case).newest(SYMBOL)
    assert (response.source, response.symbol, response.month) == (bench.name, SYMBOL, None)
    bars = bars_of(response, bench.service.convention, case.calendar)
    assert bars[-1].ts == max(case.bars)
    assert (np.diff([bar.ts for bar in bars]) > 0).all()


def test_a_response_says_what_was_asked_for_and_no_secret(bench: Bench) -> None:
    case = case_of("clean", bench.service)
    s = bench.settings(case)
    response = bench.source(case).fetch(SYMBOL, MONTH)
    assert (response.source, response.symbol, response.month) == (bench.name, SYMBOL, MONTH)
    assert response.request
    assert SYMBOL in response.where
    secrets = [value.get_secret_value() for _, value in s if isinstance(value, SecretStr)]
    assert not [secret for secret in secrets if secret and secret in repr(response)]
    if s.capabilities.adjustable:
        assert response.request["adjusted"] in ("true", "false")


def test_a_month_without_bars_is_none(bench: Bench) -> None:
    case = case_of("clean", bench.service)
    case.rows = []
    with pytest.raises(NoBars):
        bench.source(case).fetch(SYMBOL, MONTH)


def test_what_a_month_costs_is_known_before(bench: Bench) -> None:
    case = case_of("clean", bench.service)
    s, before = bench.settings(case), case.known_at - 40 * 86_400
    assert requests_for(s, SYMBOL, MONTH, case.known_at) >= 1
    assert requests_for(s, SYMBOL, MONTH, before) in (0, 1)  # one where the source does not count them


@pytest.mark.parametrize("fault", get_args(Fault))
def test_a_fault_of_the_service_is_one_typed_error(bench: Bench, fault: Fault) -> None:
    if not bench.service.speaks_http:
        pytest.skip("it sends no requests")
    source = bench.source(case_of("clean", bench.service))
    bench.showing.fault = fault
    with pytest.raises(StockMLError) as caught:
        read(source.fetch(SYMBOL, MONTH))
    assert not isinstance(caught.value, ContractBroken), str(caught.value)
    assert isinstance(caught.value, SourceUnavailable) or fault != "HTTP 500"
