"""The fuzzer's seeds are accepted."""

import pytest

from tests.fuzz.seeds import SEEDS
from tests.fuzz.target import check
from tests.walks import NYSE


@pytest.mark.parametrize("body", [body for bodies in SEEDS.values() for body in bodies])
def test_each_seed_is_accepted(body: bytes) -> None:
    assert check(body, NYSE)


def test_nonsense_is_refused() -> None:
    assert not check(b"{", NYSE)
