"""Which source `make up` means, and when it is asked."""

from pathlib import Path

import pytest
from rich.console import Console

from local.source_start import ask_first, check_choice
from stock_ml.config import Settings, load
from stock_ml.errors import BadKey, BadSetting


def chosen(**given: object) -> Settings:
    return load(_env_file=None, **given)


@pytest.mark.parametrize("source", ["sandbox", "yahoo"])
def test_a_key_that_came_does_not_switch_the_source_of_an_installation(source: str) -> None:
    with pytest.raises(BadSetting, match=f"source {source}. A key is set.*SOURCE={source}` .*SOURCE=alpha_vantage`"):
        check_choice(chosen(alphavantage_api_key="hidden"), chosen(source=source))


def test_a_key_that_went_does_not_switch_it_to_simulated_bars() -> None:
    with pytest.raises(BadSetting, match=r"source alpha_vantage\. A key is not set any more, .* sandbox"):
        check_choice(chosen(), chosen(alphavantage_api_key="hidden"))


def test_a_source_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_SOURCE", "alpha_vantage")
    check_choice(chosen(alphavantage_api_key="hidden"), chosen(source="sandbox"))


def test_the_first_installation_and_the_same_source_are_no_switch() -> None:
    check_choice(chosen(alphavantage_api_key="hidden"), None)
    check_choice(chosen(alphavantage_api_key="hidden"), chosen(alphavantage_api_key="another"))
    check_choice(chosen(), chosen(source="yahoo"))


def test_a_source_that_needs_a_key_starts_nothing_without_one(tmp_path: Path) -> None:
    s = chosen(source="alpha_vantage", home=tmp_path)
    with pytest.raises(BadKey, match=r"needs ALPHAVANTAGE_API_KEY.*Nothing was started"):
        ask_first(s, Console())


def test_the_sandbox_is_not_asked_and_a_wrong_exchange_is_told_before_it_starts() -> None:
    ask_first(chosen(), Console())  # a request would need a socket, and those are blocked here
    with pytest.raises(BadSetting, match="no exchange is called 'XNYZ'"):
        ask_first(chosen(exchange="XNYZ"), Console())
