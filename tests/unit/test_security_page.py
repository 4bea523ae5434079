"""Each attack that docs/security.md names has the test that it names."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)`", PAGE)
    assert len(named) > 3
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_setting_that_the_page_names_exists() -> None:
    example = (ROOT / ".env.example").read_text()
    assert [name for name in re.findall(r"STOCKML_\w+", PAGE) if f"#{name}=" not in example] == []
