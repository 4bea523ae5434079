"""What `import stock_ml.research` costs, and what its functions promise."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import stock_ml.research as r
from local.supervisor.program import ROOT
from stock_ml.errors import HostError

DOORS = (r.bars, r.forecasts, r.features, r.folds, r.quality)
HEAVY = ("pandas", "numpy", "pyarrow", "boto3", "psycopg", "requests", "mlflow", "pyspark", "exchange_calendars")


def test_the_import_brings_no_heavy_library_along() -> None:
    code = f"import sys, stock_ml.research; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("door", DOORS)
def test_where_nothing_was_ever_started_each_says_what_to_do(
    door: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKML_HOME", str(tmp_path))
    with pytest.raises(HostError, match=r"nothing was ever started in .*: run `make up`, or set STOCKML_HOME"):
        door()  # type: ignore[operator]


@pytest.mark.parametrize("door", DOORS)
def test_each_describes_its_columns(door: object) -> None:
    assert "| meaning |" in (inspect.getdoc(door) or "")
