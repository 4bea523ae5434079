from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from stock_ml.errors import ContractBroken, TimedOut
from stock_ml.sources.guarded_connection import GuardedConnection
from stock_ml.sources.parsing import Response

GOOD = Response("mine", "AAPL", None, {}, 1.0, b"{}", "application/json")


@dataclass
class Strange:
    gives: list[Any] = field(default_factory=list)
    raises: BaseException | None = None

    def receive(self, seconds: float) -> Sequence[Response]:
        if self.raises:
            raise self.raises
        return self.gives

    def close(self) -> None:
        if self.raises:
            raise self.raises


def received(strange: Strange) -> Sequence[Response]:
    return GuardedConnection(strange, "mine", ("AAPL",)).receive(1.0)


def test_what_keeps_the_contract_passes():
    assert received(Strange([GOOD])) == [GOOD]
    assert received(Strange()) == []
    with pytest.raises(TimedOut):
        received(Strange(raises=TimedOut("no answer")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "a NoneType, no Response"),
        (Response("mine", "MSFT", None, {}, 1.0, b"{}", "-"), "was not asked for"),
        (Response("other", "AAPL", None, {}, 1.0, b"{}", "-"), "for ('mine', 'AAPL', None)"),
        (Response("mine", "AAPL", "2024-03", {}, 1.0, b"{}", "-"), "for ('mine', 'AAPL', None)"),
        (Response("mine", "AAPL", None, {}, 1.0, b"", "-"), "a body that is not"),
        (Response("mine", "AAPL", None, {}, 9e12, b"{}", "-"), "no time up to now"),
    ],
)
def test_what_breaks_it_is_named(given, said):
    with pytest.raises(ContractBroken, match="its author must mend it") as error:
        received(Strange([GOOD, given]))
    assert said in str(error.value)


@pytest.mark.parametrize("raised", [ValueError("with a secret"), SystemExit(3)])
def test_an_error_that_no_source_may_raise_is_named_without_its_text(raised):
    strange = Strange(raises=raised)
    for call in (lambda: received(strange), GuardedConnection(strange, "mine", ()).close):
        with pytest.raises(ContractBroken, match=type(raised).__name__) as error:
            call()
        assert "secret" not in str(error.value)
