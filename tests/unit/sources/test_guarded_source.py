"""A source of another package that breaks its contract costs one typed error; the other symbols go on."""

import time
from collections.abc import Callable
from threading import Event

import pytest

from stock_ml.errors import ContractBroken, DailyLimit, NoBars, TimedOut
from stock_ml.sources.guarded_source import GuardedSource, Progress
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import no_limit

RIGHT = {"source": "mine", "symbol": "A", "month": "2024-03", "request": {}, "fetched_at": 1.7e9, "body": b"x"}


class Answers:
    """Answer as told to, by symbol."""

    name = "mine"

    def __init__(self, **answers: Callable[[], object]) -> None:
        self.answers = answers

    def fetch(self, symbol: str, month: str) -> Response:
        return self.answers[symbol]()  # type: ignore[return-value]  # what a stranger gives is of any type

    def newest(self, symbol: str) -> Response:
        return self.fetch(symbol, "")


def guarded(deadline: float = 60.0, **answers: Callable[[], object]) -> GuardedSource:
    return GuardedSource(Answers(**answers), "mine", deadline, Progress(no_limit))


def response(**given: object) -> Response:
    return Response(**{**RIGHT, "content_type": "text/csv", **given})  # type: ignore[arg-type]


def test_what_keeps_the_contract_passes() -> None:
    assert guarded(A=response).fetch("A", "2024-03") == response()
    assert guarded(A=lambda: response(month=None)).newest("A") == response(month=None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"symbol": "B"}, r"\(source, symbol, month\) \('mine', 'B', '2024-03'\) for \('mine', 'A', '2024-03'\)"),
        ({"source": "yahoo"}, "'yahoo'"),
        ({"month": "2024-04"}, "'2024-04'"),
        ({"body": "text"}, "a body that is not"),
        ({"body": b""}, "a body that is not"),
        ({"fetched_at": time.time() + 3600}, "no time up to now"),
        ({"fetched_at": None}, "fetched_at None"),
        ({"fetched_at": float("nan")}, "fetched_at nan"),
    ],
)
def test_a_response_that_was_not_asked_for_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ContractBroken, match=f"^source mine, A 2024-03: the plug-in gave .*{says}"):
        guarded(A=lambda: response(**given)).fetch("A", "2024-03")


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(ContractBroken, match="a NoneType, no Response"):
        guarded(A=lambda: None).fetch("A", "2024-03")


def test_an_error_of_the_plug_in_names_its_line_and_not_its_text() -> None:
    def fail() -> None:
        raise KeyError("https://x?key=hidden")

    with pytest.raises(ContractBroken, match=r"raised KeyError at .*test_guarded_source.py:\d+") as caught:
        guarded(A=fail).fetch("A", "2024-03")
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("error", [NoBars("none"), DailyLimit("spent")])
def test_an_error_of_the_contract_passes(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        guarded(A=fail).fetch("A", "2024-03")


def test_a_plug_in_that_ends_the_process_is_refused() -> None:
    with pytest.raises(ContractBroken, match="raised SystemExit"):
        guarded(A=lambda: exit(3)).fetch("A", "2024-03")


def test_a_call_that_blocks_ends_at_its_deadline_and_the_other_symbols_go_on() -> None:
    gate = Event()
    source = guarded(0.05, A=lambda: gate.wait(60), B=lambda: response(symbol="B"))
    with pytest.raises(TimedOut, match=r"^source mine, A 2024-03 did not answer within 0 s"):
        source.fetch("A", "2024-03")
    with pytest.raises(TimedOut, match="an earlier call has not returned yet"):
        source.newest("A")
    source.deadline = 60.0
    assert source.fetch("B", "2024-03").symbol == "B"
    gate.set()


def test_the_limiter_s_waits_are_not_the_source_s() -> None:
    now = [0.0]
    progress = Progress(lambda: now.__setitem__(0, 1000.0), lambda: now[0])

    def answer() -> Response:
        progress()
        return response()

    assert GuardedSource(Answers(A=answer), "mine", 60.0, progress).fetch("A", "2024-03") == response()
    assert progress.since == 1000.0
