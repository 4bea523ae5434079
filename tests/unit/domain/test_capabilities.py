"""A source says what it can do; no code asks for its name."""

import ast
from pathlib import Path

import pytest

from stock_ml.config import load
from stock_ml.source_plugins import BUILT_IN

ROOT = Path(__file__).parents[3]
PROGRAMS = ("stock_ml", "serving", "local", "sandbox", "dags", "plugins", "docker")
# where sources are listed: their settings, what they can do, and how they are opened
LISTS = {"stock_ml/config.py", "stock_ml/source_plugins.py", "stock_ml/sources/built_in.py"}


def branches(code: str) -> list[int]:
    """Return the lines that compare something with a source's name, or match on it."""
    if not any(f"{quote}{name}{quote}" in code for name in BUILT_IN for quote in ("'", '"')):
        return []  # to parse every file takes two seconds
    found = []
    for node in ast.walk(ast.parse(code)):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        sides += [node.pattern] if isinstance(node, ast.match_case) else []
        text = " ".join(ast.unparse(side) for side in sides)
        if ("source" in text or isinstance(node, ast.match_case)) and any(f"'{name}'" in text for name in BUILT_IN):
            found.append(sides[0].lineno)
    return found


@pytest.mark.parametrize("branch", ["s.source == 'csv'", "s.source in ('yahoo', 'csv')", "'yahoo' != lake.source"])
def test_a_branch_on_a_name_is_found(branch: str) -> None:
    assert branches(branch) == [1]


def test_no_code_branches_on_a_source_s_name() -> None:
    files = [file for program in PROGRAMS for file in sorted((ROOT / program).rglob("*.py"))]
    found = {str(file.relative_to(ROOT)): branches(file.read_text()) for file in files}
    assert {name: lines for name, lines in found.items() if lines and name not in LISTS} == {}


@pytest.mark.parametrize("source", BUILT_IN)
def test_bars_are_simulated_replayed_or_live(source: str) -> None:
    s = load(source=source, csv_path=ROOT / "bars.csv", symbols=("GOOGL",))
    assert [s.simulated, s.replayed, s.live].count(True) == 1
