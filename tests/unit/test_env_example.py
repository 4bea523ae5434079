"""Every setting stands in `.env.example` with what it means and its default; nothing else does."""

from itertools import pairwise
from pathlib import Path

from pydantic.fields import FieldInfo

from stock_ml.config import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def variable(name: str, field: FieldInfo) -> str:
    return "ALPHAVANTAGE_API_KEY" if field.validation_alias else f"STOCKML_{name.upper()}"


def documented() -> list[tuple[str, str]]:
    """Return each commented-out variable of the example, with the comment above it."""
    lines = EXAMPLE.read_text().splitlines()
    pairs = pairwise(lines)
    return [(above.removeprefix("# "), line) for above, line in pairs if line.startswith(("#STOCKML_", "#ALPHA"))]


def written(default: object) -> str:
    """Return a default as a line of `.env` has it."""
    return ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)


def test_the_example_and_the_class_say_the_same() -> None:
    defaults = {name: written(f.default) for name, f in Settings.model_fields.items()}
    assert documented() == [
        (f.description, f"#{variable(name, f)}={defaults[name]}") for name, f in Settings.model_fields.items()
    ]


def test_every_setting_is_commented_out() -> None:
    assert all(not line or line.startswith("#") for line in EXAMPLE.read_text().splitlines())


def test_an_example_with_every_line_active_changes_nothing(tmp_path: Path) -> None:
    active = tmp_path / ".env"
    active.write_text("\n".join(line.removeprefix("#") for _, line in documented()))
    assert Settings(_env_file=active) == Settings(_env_file=None)
