"""The frames of `stock_ml.research`, and the notebook, on a real lake, PostgreSQL and MLflow."""

import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import psycopg
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

import stock_ml.research as r
from local import jars, ports
from local.current_installation import remember
from local.supervisor.program import ROOT
from stock_ml.adapters.lake import Lake, parquet
from stock_ml.adapters.mlflow import tracking
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.adapters.postgres.store.rows import BARS, FORECASTS, table
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.cli.app import app
from stock_ml.cli.installation import CURRENT
from stock_ml.config import Settings
from stock_ml.domain.bars import COLUMNS, epoch
from stock_ml.errors import BadInput, HostError, NoBars, RegistryUnavailable, StoreUnavailable
from stock_ml.ingestion.download import download
from stock_ml.ingestion.plan import make_plan
from stock_ml.model.scorer import prices
from stock_ml.training.train import train
from tests.adapters.conftest import empty
from tests.servers import drop_days, tables

# MLflow warns about its own type hints when it is imported
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")
SYMBOLS, LIVE = ("AAPL", "GOOGL"), 4  # sessions that are forecast, and not trained on
NOTEBOOK, PICTURES = ROOT / "docs" / "research.ipynb", 6
EXECUTE = "from nbclient.cli import main; main()"


@pytest.fixture(scope="module")
def installation(mlflow_server: Settings, sandbox: Settings) -> Iterator[Settings]:
    """An installation with a month of the sandbox's bars, a champion, and its forecasts of the newest sessions."""
    own = {"s3_bucket": "research", "symbols": SYMBOLS, "history_months": 1, "holdout_sessions": LIVE}
    s = mlflow_server.model_copy(
        update={**own, "candidates": ("linear",), "spark_memory": "1g", "mlflow_model": "research"}
    )
    jars.fetch("s3a", s.jars)
    Lake.connect(mlflow_server).ensure_bucket()  # where MLflow keeps its artifacts
    empty(Lake.connect(s))
    tables(s)
    drop_days(s)
    for item in make_plan(s).items:
        clean_symbol(s, download(s, item))
    train(s)
    remember(s)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOCKML_HOME", str(s.home))
        forecast(s)
        yield s
    (s.home / CURRENT).unlink()


def forecast(s: Settings) -> None:
    """Store the bars of the newest sessions, and what the champion forecasts of them, as the consumer does."""
    champion = Registry.connect(s).champion()
    assert champion is not None
    scorer = Registry.connect(s).load(champion.version)
    bars, seen = r.bars(), r.features().dropna(subset="target")
    first = np.sort(bars["session"].unique())[-LIVE]
    bars, seen = bars[bars["session"] >= first], seen[seen["session"] >= first]
    known, ts = {"symbol": seen["symbol"].to_numpy("S16")}, epoch(seen["bar_ts"])
    predicted = scorer.predict(seen[scorer.schema["names"]].to_numpy(), seen["symbol"].to_numpy(str))
    known |= vars(prices(seen["last_close"].to_numpy(), predicted))
    known |= {"bar_ts": ts, "target_ts": ts + 60 * s.horizon, "made_at": ts + 61.0, "horizon": s.horizon}
    known |= {"session": seen["session"].to_numpy("M8[D]"), "last_close": seen["last_close"].to_numpy()}
    known |= {"model_version": champion.version, "trained_until": float(scorer.trained_until)}
    given = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume", "filled")}
    given |= {"symbol": bars["symbol"].to_numpy("S16"), "ts": epoch(bars["ts"]), "source": s.source}
    store = ForecastStore.connect(s)
    store.store(table(BARS, len(bars), **given), table(FORECASTS, len(seen), **known))
    store.close()


def test_bars_are_those_of_the_lake_by_session(installation: Settings) -> None:
    found, stored = r.bars(), Lake.connect(installation).read_clean(SYMBOLS)
    pd.testing.assert_frame_equal(found[COLUMNS], stored[COLUMNS])
    assert str(found["ts"].dtype) == "datetime64[ns, UTC]"
    day = r.bars("googl", "2024-02-20", "2024-02-20")
    assert set(day["symbol"]) == {"GOOGL"}
    assert set(day["session"].astype(str)) == {"2024-02-20"}
    assert (day["ts"].iloc[0].isoformat(), len(day)) == ("2024-02-20T14:30:00+00:00", 390)
    assert r.bars("NVDA").empty
    assert list(r.bars("NVDA")) == list(found)
    with pytest.raises(BadInput, match="'February' is no day"):
        r.bars(first="February")


def test_forecasts_come_with_their_outcomes_of_the_view(installation: Settings) -> None:
    found = r.forecasts()
    with psycopg.connect(installation.postgres()) as connection:
        (count, error) = connection.execute(
            "select count(*), avg(abs(predicted_close - actual_close)) from outcomes where symbol = any(%s)",
            [list(SYMBOLS)],
        ).fetchone() or (0, 0)
    assert len(found) == count > 2000
    assert (found["predicted_close"] - found["actual_close"]).abs().mean() == pytest.approx(error)
    assert found["counts"].all()
    assert ((found["target_ts"] - found["bar_ts"]).dt.total_seconds() == 60 * installation.horizon).all()
    bars = r.bars().set_index(["symbol", "ts"])["close"]
    at = pd.MultiIndex.from_frame(found[["symbol", "target_ts"]])
    assert bars.loc[at].to_numpy().tolist() == found["actual_close"].tolist()
    last = found["session"].max()
    assert set(r.forecasts("AAPL", last)["session"]) == {last}
    assert r.forecasts("NVDA").empty
    assert r.forecasts("NVDA").dtypes.equals(found.dtypes)


def test_nothing_can_be_written_through_it(installation: Settings) -> None:
    s = r._installation()
    assert s.postgres().startswith("postgresql://stockml_reader:")
    with psycopg.connect(s.postgres()) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from forecasts")


def test_features_are_those_that_the_champion_was_trained_on(installation: Settings) -> None:
    champion = Registry.connect(installation).champion()
    assert champion is not None
    scorer = Registry.connect(installation).load(champion.version)
    found = r.features()
    trained = found[(epoch(found["bar_ts"]) + 120 <= scorer.trained_until)].dropna(subset="target")
    (rows,) = {int(tag.value) for tag in run_params(installation, champion.run_id) if tag.key == "rows_trained"}
    assert len(trained) == rows
    later = r.features("GOOGL", first="2024-02-20")
    whole = found[(found["symbol"] == "GOOGL") & (found["session"] >= "2024-02-20")]
    pd.testing.assert_frame_equal(later, whole.reset_index(drop=True))
    assert list(r.features("NVDA")) == list(found)


def run_params(s: Settings, run_id: str) -> list:
    from mlflow import MlflowClient

    with tracking.login(s):
        params = MlflowClient(s.mlflow, s.mlflow).get_run(run_id).data.params
    return [type("Tag", (), {"key": key, "value": value}) for key, value in params.items()]


def test_folds_are_the_champions_walk_forward_evaluation(installation: Settings) -> None:
    found = r.folds()
    assert set(found["kind"]) == {"persistence", "linear"}
    assert set(found["fold"]) == {"0", "1", "2", "3", "all"}
    assert set(found["symbol"]) == {"all", *SYMBOLS}
    whole = found[(found["fold"] == "all") & (found["symbol"] == "all")].set_index("kind")
    assert whole["skill"]["persistence"] == 0
    assert (whole["rows"] > 1000).all()


def test_quality_counts_what_the_lake_holds(installation: Settings) -> None:
    months, sessions, bars = r.quality(), r.quality(by="session"), r.bars()
    assert months[["symbol", "month"]].astype(str).to_numpy().tolist()[:2] == [
        ["AAPL", "2024-02-01"],
        ["AAPL", "2024-03-01"],
    ]
    assert (months["kept"] <= months["rows_read"]).all()
    received = bars[~bars["filled"]].groupby(["symbol", "session"]).size()
    assert sessions.set_index(["symbol", "session"])["received"].to_dict() == received.to_dict()
    assert sessions["coverage"].between(0.5, 1).all()
    assert min(r.quality(first="2024-03-01", by="session")["session"].astype(str)) == "2024-03-01"
    assert r.quality("NVDA").empty
    assert r.quality("NVDA", by="session").empty


def test_an_export_has_the_bars_of_the_lake(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKML_CALLED_IN", str(tmp_path))
    asked = ["data", "export", "googl", "--from", "2024-02-20", "--to", "2024-02-21"]
    whole = r.bars("GOOGL", "2024-02-20", "2024-02-21")[COLUMNS]
    printed = CliRunner().invoke(app, asked, catch_exceptions=False)
    read = pd.read_csv(io.StringIO(printed.stdout), float_precision="round_trip", parse_dates=["ts"])
    assert read["close"].tolist() == whole["close"].tolist()
    assert read["ts"].tolist() == whole["ts"].tolist()
    to_file = [*asked, "--format", "parquet", "--to-file", "bars.parquet"]
    CliRunner().invoke(app, to_file, catch_exceptions=False)
    pd.testing.assert_frame_equal(parquet.from_bytes((tmp_path / "bars.parquet").read_bytes()), whole)
    with pytest.raises(BadInput, match=r"bars\.parquet exists"):
        CliRunner().invoke(app, to_file, catch_exceptions=False)
    with pytest.raises(NoBars, match="'NVDA' in these sessions"):
        CliRunner().invoke(app, ["data", "export", "NVDA"], catch_exceptions=False)


def test_servers_that_are_away_are_said_to_be_away(installation: Settings) -> None:
    away = dict.fromkeys(("s3_port", "mlflow_port", "postgres_port"), ports.free(1)[0])
    remember(installation.model_copy(update=away))
    try:
        for door, error in (
            (r.bars, StoreUnavailable),
            (r.forecasts, StoreUnavailable),
            (r.folds, RegistryUnavailable),
        ):
            with pytest.raises(error, match="make status"):
                door()
    finally:
        remember(installation)


def test_where_nothing_was_started_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_HOME", str(tmp_path))
    with pytest.raises(HostError, match=r"make up.*STOCKML_HOME"):
        r.bars()


@pytest.fixture(scope="module")
def executed(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The notebook after a run in a kernel of its own, as a reader runs it; its pictures are in STOCK_ML_PICTURES."""
    to = tmp_path_factory.mktemp("notebook") / "research.ipynb"
    argv = [sys.executable, "-c", EXECUTE, str(NOTEBOOK), f"--output={to}", "--timeout=300"]
    env = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "IPYTHONDIR": str(to.parent),
    }
    done = subprocess.run(
        argv, env=env | {"JUPYTER_CONFIG_DIR": str(to.parent)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(to, as_version=4)


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    found = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    return [data[kind] for data in found if kind in data]


def test_the_notebook_draws_every_picture(executed: nbformat.NotebookNode) -> None:
    pictures = [base64.b64decode(each) for each in outputs(executed, "image/png")]
    assert len(pictures) == PICTURES
    if folder := os.environ.get("STOCK_ML_PICTURES"):
        for number, picture in enumerate(pictures):
            (Path(folder) / f"{number}.png").write_bytes(picture)
    for picture in pictures:  # an empty plot has hardly more than one colour
        assert len(np.unique(imread(io.BytesIO(picture))[..., 0])) > 16
    streams = [out for cell in executed.cells for out in cell.get("outputs", []) if out.get("name") == "stderr"]
    assert not streams


def test_the_notebook_is_kept_without_outputs() -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(kept)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in kept.cells)
