"""Sums of passes against figures of all rows at once, in plain numpy and pandas."""

import numpy as np
import pandas as pd
import pytest

from stock_ml.domain.ticks import snap_to_tick
from stock_ml.evaluation.folds import in_evaluation
from stock_ml.evaluation.judging import HELD_OUT, Ticks, predicted
from stock_ml.evaluation.promotion import PERSISTENCE
from stock_ml.model.conformal import LEVELS, scale
from stock_ml.training.symbol_fallback import with_symbol_fallback
from stock_ml.training.walk_forward import WalkForwardResult, judge_intervals
from tests.calibration import calibrate
from tests.judged import judged
from tests.ticks import symbol_ticks, ticks_before

START, DAY, FOLDS, MINUTES = 1_709_562_600, 86_400, 4, 60
END = START + DAY * FOLDS * 2
GRID = {"A": 0.01, "B": 0.05, "C": 0.0}  # C's prices stand on no grid


def market(seed: int) -> pd.DataFrame:
    """Rows of three symbols in ten sessions, the last two held out; C begins with the third session."""
    rng = np.random.default_rng(seed)
    parts = [_session(rng, name, day) for name in GRID for day in range(10) if name != "C" or day >= 2]
    return pd.concat(parts, ignore_index=True)


def _session(rng: np.random.Generator, name: str, day: int) -> pd.DataFrame:
    target = rng.standard_t(4, MINUTES) * 4e-4
    close = 50 + np.cumsum(rng.normal(0, 0.05, MINUTES))
    known = {"bar_ts": START + DAY * day + 60 * np.arange(MINUTES), "elapsed": (np.arange(MINUTES) + 1) / MINUTES}
    known |= {"target": target, "volatility": rng.uniform(2e-4, 6e-4, MINUTES)}
    known |= {"linear": 0.4 * target + rng.normal(0, 2e-4 if name != "B" else 3e-3, MINUTES)}
    known["last_close"] = np.round(close / GRID[name]) * GRID[name] if GRID[name] else close * np.pi
    return pd.DataFrame(known).assign(symbol=name, session=f"2024-03-{day + 4:02}", fold=day // 2)


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    held_out = rows["bar_ts"] >= END
    return rows[~held_out], rows[held_out]


def result_of(rows: pd.DataFrame, served: bool) -> WalkForwardResult:
    predictions, test = split(rows)
    result = judged(predictions, test, END)
    return judge_intervals(with_symbol_fallback(result, {}) if served else result)


def all_at_once(rows: pd.DataFrame, result: WalkForwardResult, kind: str) -> pd.DataFrame:
    """Return the rows with what was served, its size of an error and half the 90 % width, by the definitions."""
    ordered = rows.sort_values(["bar_ts", "symbol"], ignore_index=True)
    predictions, test = split(ordered)
    tick = np.append(ticks_before(predictions), test["symbol"].map(symbol_ticks(predictions)).to_numpy())
    left = np.zeros(len(ordered), dtype=bool)
    for number, names in enumerate(result.fallbacks.get(kind, ())):
        left |= ((ordered["fold"] == number) & ordered["symbol"].isin(list(names))).to_numpy()
    raw = np.where(left, 0.0, ordered["linear"] if kind == "linear" else 0.0)
    last = ordered["last_close"].to_numpy()
    price = snap_to_tick(last, last * np.exp(raw), tick) if kind == "linear" else last
    frame = ordered.assign(served=np.log(price / last), error=ordered["target"] - raw)
    return pd.concat([_with_widths(frame, number) for number in range(FOLDS + 1)])


def _with_widths(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    before, own = frame[frame["fold"] < number], frame[frame["fold"] == number]
    if number == 0:
        return own.assign(**{f"half_{level}": np.nan for level in LEVELS})
    found = calibrate(*(before[name].to_numpy() for name in ("error", "volatility", "elapsed")))
    size = scale(own["volatility"].to_numpy(), own["elapsed"].to_numpy(), found.profile)
    return own.assign(**{f"half_{level}": found.quantiles[str(level)] * size for level in LEVELS})


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("kind", ["linear", PERSISTENCE])
def test_sums_are_those_of_all_rows_at_once(seed: int, served: bool, kind: str) -> None:
    rows = market(seed)
    result = result_of(rows, served)
    known = all_at_once(rows, result, kind)
    sums = result.losses[result.losses["kind"] == kind].merge(result.intervals, how="left")
    for (number, session, symbol), own in known.groupby(["fold", "session", "symbol"]):
        place = sums["fold"].replace(HELD_OUT, FOLDS) == number
        (row,) = sums[place & (sums["session"] == session) & (sums["symbol"] == symbol)].to_dict("records")
        assert row["rows"] == len(own)
        assert (row["first"], row["last"]) == (own["bar_ts"].min(), own["bar_ts"].max())
        assert row["error"] == pytest.approx((own["target"] - own["served"]).abs().sum(), rel=1e-9)
        assert row["move"] == pytest.approx(own["target"].abs().sum(), rel=1e-9)
        moved = (own["target"] != 0) & (own["served"] != 0)
        assert row["called"] == moved.sum()
        assert row["right"] == (np.sign(own["target"]) == np.sign(own["served"]))[moved].sum()
        if number:
            for level in LEVELS:
                half = own[f"half_{level}"]
                assert row[f"width_{level}"] == pytest.approx(2e4 * half.sum(), rel=1e-3)
                least, most = ((own["error"].abs() <= half * by).sum() for by in (0.999, 1.001))
                assert least <= row[f"inside_{level}"] <= most


def test_a_symbol_that_is_poor_is_served_the_last_price() -> None:
    assert result_of(market(0), served=True).fallbacks["linear"][-1] == ("B",)


@pytest.mark.parametrize("size", [7, 60, 1000])
def test_ticks_are_those_of_the_sessions_before_whatever_the_batches(size: int) -> None:
    rows, _ = split(market(1))
    ordered = rows.sort_values(["symbol", "bar_ts"], ignore_index=True)
    ticks = Ticks(END)
    found = np.concatenate([ticks.learn(ordered[at : at + size]) for at in range(0, len(ordered), size)])
    np.testing.assert_array_equal(found, ticks_before(ordered))
    assert ticks.newest() == symbol_ticks(ordered)
    assert set(ticks.newest().values()) == {0.01, 0.05, 0.0}


def test_what_is_held_out_is_no_news_for_a_tick() -> None:
    rows = market(1).sort_values(["symbol", "bar_ts"], ignore_index=True)
    ticks = Ticks(END)
    ticks.learn(rows)
    assert ticks.newest() == symbol_ticks(split(rows)[0])


def test_each_row_is_judged_once_by_the_step_that_evaluates_it() -> None:
    rows = market(2)
    predictions, test = split(rows)
    judge = judged(predictions, test, END).judge
    ordered = rows.sort_values(["symbol", "bar_ts"], ignore_index=True)
    found = pd.concat(list(judge.forecasts([ordered[:100], ordered[100:]], judge.new_ticks())))
    assert len(found) == len(rows)
    for step in judge.steps:
        own = found[found["fold"] == step.number]
        assert in_evaluation(own["bar_ts"], step.fold).all()
    assert (predicted(found, PERSISTENCE) == 0).all()
