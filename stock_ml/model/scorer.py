"""The light model: parameters and features give a forecast with its intervals. No JVM, no pickle, no BLAS."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from stock_ml.domain.ticks import TickTable, snap_to_tick
from stock_ml.errors import ModelError, SchemaMismatch
from stock_ml.model.conformal import FLAT, LEVELS, PARTS, Calibration, IntervalScale, bounds, scale
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.trees import Forest, Tree

PARSE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)


@dataclass(frozen=True, eq=False)
class Prediction:
    """Hold log returns to the target's close, (n,), and half the width of each level's interval around it, (3, n).

    `tick` (n,) is the symbol's, 0 where it is not known.
    """

    log_return: np.ndarray
    half: np.ndarray
    tick: np.ndarray

    def of(self, at: np.ndarray) -> "Prediction":
        """Return some of the forecasts."""
        return Prediction(self.log_return[at], self.half[:, at], self.tick[at])


@dataclass(frozen=True, eq=False)
class Prices:
    """Hold the predicted close and its bounds in the symbol's currency, all (n,)."""

    predicted_close: np.ndarray
    lower_50: np.ndarray
    upper_50: np.ndarray
    lower_90: np.ndarray
    upper_90: np.ndarray
    lower_99: np.ndarray
    upper_99: np.ndarray


@dataclass(frozen=True)
class Scorer:
    """Hold a model's parameters; `quantiles` are scaled errors by level, `trained_until` is in UTC epoch seconds.

    `profile` is how large errors are for their volatility by the time of the session. `last_price` names the symbols
    that fall back to the last price, and `ticks` are those of symbols whose closes tell one.
    """

    kind: Literal["linear", "huber", "elastic", "gbt", "persistence"]
    coefficients: tuple[float, ...]
    intercept: float
    quantiles: dict[str, float]
    schema: FeatureSchema
    trained_until: int
    profile: tuple[float, ...] = FLAT
    trees: tuple[Tree, ...] = ()
    last_price: tuple[str, ...] = ()
    ticks: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = (*self.coefficients, self.intercept, *self.quantiles.values(), *self.profile, *self.ticks.values())
        if len(self.coefficients) != len(self.schema["names"]) or set(self.quantiles) != {str(p) for p in LEVELS}:
            raise ModelError(
                f"the {self.kind} scorer needs a coefficient a feature and quantiles at {LEVELS}; train again"
            )
        if len(self.profile) != PARTS:
            raise ModelError(f"the {self.kind} scorer needs a profile of {PARTS} parts of the session; train again")
        if not all(math.isfinite(n) for n in numbers):
            raise ModelError(f"the {self.kind} scorer holds numbers that are not finite; train again")
        for tree in self.trees:
            tree.check(len(self.coefficients))

    def predict(self, features: np.ndarray, symbols: np.ndarray | None = None) -> Prediction:
        """Return the forecast for features (n, k): the same bits for a row whatever n and layout.

        With `symbols` (n,) it is what is served: those of `last_price` stay where they are.
        """
        log_return = self._mean(features)
        if symbols is not None and self.last_price:
            log_return[np.isin(symbols, self.last_price)] = 0.0
        volatility, elapsed = (features[:, self.schema["names"].index(name)] for name in ("volatility", "elapsed"))
        size = scale(volatility, elapsed, self.profile)
        ticks = np.zeros(len(features)) if symbols is None else self._ticks.look_up(symbols)
        return Prediction(log_return, self._widths * size, ticks)

    def _mean(self, features: np.ndarray) -> np.ndarray:
        log_return = np.full(len(features), self.intercept)
        for j, coefficient in enumerate(self.coefficients):
            if coefficient:
                log_return += coefficient * features[:, j]
        if self._forest:
            log_return += self._forest.total(features)
        return log_return

    @cached_property
    def _widths(self) -> np.ndarray:
        return np.array([[self.quantiles[str(p)]] for p in LEVELS])

    @cached_property
    def _ticks(self) -> TickTable:
        return TickTable.of(self.ticks)

    @cached_property
    def _forest(self) -> Forest | None:
        return Forest.of(self.trees) if self.trees else None

    def check(self, schema: FeatureSchema) -> None:
        """Raise SchemaMismatch, naming what differs, unless the model was trained on features of this schema."""
        if self.schema == schema:
            return
        differ = [key for key in sorted({*schema, *self.schema} - {"hash"}) if self.schema.get(key) != schema.get(key)]
        values = "; ".join(f"{key}: model {self.schema.get(key)}, here {schema.get(key)}" for key in differ)
        raise SchemaMismatch(
            f"the model does not fit this kernel ({values or 'hash'}): train again with these settings"
        )

    def to_json(self) -> str:
        """Return the parameters as JSON; `from_json` gives back the same bits."""
        return json.dumps(asdict(self), allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Scorer":
        """Read what `to_json` wrote, and forecast once. Raises ModelError where it is damaged.

        The scorer that is returned can forecast: serving it raises no error.
        """
        try:
            record = json.loads(text)
            names = ("coefficients", "profile", "last_price")
            lists = {name: tuple(record[name]) for name in names if name in record}
            scorer = cls(**(record | lists | {"trees": tuple(Tree.of(tree) for tree in record.get("trees", ()))}))
            scorer._check_forecast()
        except PARSE_ERRORS as error:
            raise ModelError(f"the model's scorer JSON cannot be read ({error!r:.200}): train again") from error
        return scorer

    def _check_forecast(self) -> None:
        prediction = self.predict(np.zeros((1, len(self.coefficients))), np.array(["X"]))
        if not np.isfinite(prediction.half).all():
            raise ModelError(f"the {self.kind} scorer forecasts what is not finite; train again")
        if not 0 <= self.trained_until < math.inf:
            raise ModelError(
                f"the {self.kind} scorer was trained until {self.trained_until}, which is no time; train again"
            )


def persistence(calibration: Calibration, schema: FeatureSchema, trained_until: int) -> Scorer:
    """Return the scorer that forecasts the last close, with intervals of its own."""
    nothing = (0.0,) * len(schema["names"])
    return Scorer("persistence", nothing, 0.0, calibration.quantiles, schema, trained_until, calibration.profile)


def nearest(last_close: np.ndarray, prediction: Prediction) -> np.ndarray:
    """Return the price on the symbol's tick grid that is nearest to the predicted one, (n,)."""
    return snap_to_tick(last_close, last_close * np.exp(np.ascontiguousarray(prediction.log_return)), prediction.tick)


def prices(last_close: np.ndarray, prediction: Prediction, interval_scale: IntervalScale | None = None) -> Prices:
    """Return the predicted close, on the symbol's tick grid, and its bounds, for last closes (n,).

    `interval_scale`, (3, n), is the log of how much wider than calibrated the intervals are; by default 0.
    """
    centre, half = prediction.log_return, prediction.half
    predicted = nearest(last_close, prediction)
    calibrated = np.zeros(half.shape, np.float32)
    lower, upper = bounds(last_close, predicted, centre, half, calibrated if interval_scale is None else interval_scale)
    by_level = {
        f"{name}_{level}": bound[i]
        for name, bound in (("lower", lower), ("upper", upper))
        for i, level in enumerate(LEVELS)
    }
    return Prices(predicted_close=predicted, **by_level)
