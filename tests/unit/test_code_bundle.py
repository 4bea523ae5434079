"""What runs elsewhere is whole: each list of files is imported in an empty folder, without the rest of the project."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stock_ml import code_bundle

FORECASTS = """
import sys
import numpy as np
from stock_ml.model import conformal, scorer, trees
assert sys.modules["stock_ml"].__file__.startswith(sys.argv[1])
print(scorer.persistence.__name__)
"""
COMPUTES_FEATURES = """
import sys
import pandas as pd
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model import features
assert sys.modules["stock_ml"].__file__.startswith(sys.argv[1])
ts = pd.date_range("2024-03-04 14:30", periods=60, freq="min", tz="UTC")
price = pd.Series(range(100, 160), dtype="float64")
prices = dict.fromkeys(("open", "high", "low", "close"), price)
frame = pd.DataFrame({"ts": ts, **prices, "volume": 1.0, "filled": False})
table = features.table(Minutes.of_frame(frame), sessions("XNYS"), features.schema(30, 1), 15)
print(len(table))
"""


@pytest.mark.parametrize(
    ("names", "code", "expected"),
    [
        (code_bundle.REGISTERED_MODEL, FORECASTS, "persistence"),
        (code_bundle.SPARK_WORKER, COMPUTES_FEATURES, "31"),
    ],
    ids=["registered model", "Spark worker"],
)
def test_a_bundle_runs_in_an_empty_folder(tmp_path: Path, names: tuple[str, ...], code: str, expected: str) -> None:
    for file, name in code_bundle.files(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / name)
    argv = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}", str(tmp_path)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr


def test_a_registered_model_takes_neither_features_nor_calendars_along() -> None:
    taken = {name for _, name in code_bundle.files(code_bundle.REGISTERED_MODEL)}
    assert not {name for name in taken if "features" in name or "calendar" in name}
