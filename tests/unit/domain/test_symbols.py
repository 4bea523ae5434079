"""A symbol is one part of a path, and is read from it again."""

from hypothesis import given
from hypothesis import strategies as st

from stock_ml.config import SYMBOL
from stock_ml.domain.symbols import folder_of, symbol_of_folder

SYMBOLS = st.from_regex(SYMBOL, fullmatch=True)


@given(SYMBOLS)
def test_a_folder_has_no_slash_and_tells_its_symbol(symbol: str) -> None:
    folder = folder_of(symbol)
    assert "/" not in folder
    assert folder not in {".", ".."}
    assert symbol_of_folder(folder) == symbol


@given(SYMBOLS, SYMBOLS)
def test_two_symbols_have_two_folders(one: str, other: str) -> None:
    assert (folder_of(one) == folder_of(other)) == (one == other)
