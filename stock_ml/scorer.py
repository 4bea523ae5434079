"""The light model: parameters and features give a forecast with its intervals. No JVM, no pickle, no BLAS."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from stock_ml.errors import ModelError, SchemaMismatch
from stock_ml.intervals import LEVELS, scale
from stock_ml.ticks import snapped


@dataclass(frozen=True, eq=False)
class Prediction:
    """Hold log returns to the target's close, all (n,)."""

    log_return: np.ndarray
    lower_50: np.ndarray
    upper_50: np.ndarray
    lower_90: np.ndarray
    upper_90: np.ndarray
    lower_99: np.ndarray
    upper_99: np.ndarray


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
    """Hold a model's parameters; `quantiles` are scaled errors by level, `trained_until` is in UTC epoch seconds."""

    kind: Literal["linear", "huber", "persistence"]
    coefficients: tuple[float, ...]
    intercept: float
    quantiles: dict[str, float]
    schema: dict[str, Any]
    trained_until: int

    def __post_init__(self) -> None:
        numbers = (*self.coefficients, self.intercept, *self.quantiles.values())
        if len(self.coefficients) != len(self.schema["names"]) or set(self.quantiles) != {str(p) for p in LEVELS}:
            raise ModelError(
                f"the {self.kind} scorer needs a coefficient a feature and quantiles at {LEVELS}; train again"
            )
        if not all(math.isfinite(n) for n in numbers):
            raise ModelError(f"the {self.kind} scorer holds numbers that are not finite; train again")

    def predict(self, features: np.ndarray) -> Prediction:
        """Return the forecast for features (n, k): the same bits for a row whatever n and layout."""
        log_return = np.full(len(features), self.intercept)
        for j, coefficient in enumerate(self.coefficients):
            log_return += coefficient * features[:, j]
        size = scale(features[:, self.schema["names"].index("volatility")])
        bounds = [sign * self.quantiles[str(p)] * size for p in LEVELS for sign in (-1, 1)]
        return Prediction(log_return, *(log_return + bound for bound in bounds))

    def check(self, schema: dict[str, Any]) -> None:
        """Raise SchemaMismatch, naming what differs, unless the model was trained on features of this schema."""
        if self.schema.get("hash") == schema["hash"]:
            return
        differ = [key for key in sorted({*schema, *self.schema} - {"hash"}) if self.schema.get(key) != schema.get(key)]
        told = "; ".join(f"{key}: model {self.schema.get(key)}, here {schema.get(key)}" for key in differ)
        raise SchemaMismatch(f"the model does not fit this kernel ({told or 'hash'}): train again with these settings")

    def to_json(self) -> str:
        """Return the parameters as JSON; `from_json` gives back the same bits."""
        return json.dumps(asdict(self), allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Scorer":
        """Read what `to_json` wrote. Raises ModelError where it is damaged."""
        try:
            given = json.loads(text)
            return cls(**(given | {"coefficients": tuple(given["coefficients"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"the model's scorer JSON cannot be read ({error!r}): train again") from error


def persistence(quantiles: dict[str, float], schema: dict[str, Any], trained_until: int) -> Scorer:
    """Return the scorer that forecasts the last close, with intervals of its own."""
    return Scorer("persistence", (0.0,) * len(schema["names"]), 0.0, quantiles, schema, trained_until)


def prices(last_close: np.ndarray, prediction: Prediction) -> Prices:
    """Return the predicted close, on the tick grid of the last one, and its bounds, for last closes (n,).

    Where a bound is nearer than half a tick, the forecast itself is the bound.
    """
    raw, *bounds = (last_close * np.exp(np.ascontiguousarray(part)) for part in vars(prediction).values())
    predicted = snapped(last_close, raw)
    lower = [np.minimum(bound, predicted) for bound in bounds[::2]]
    upper = [np.maximum(bound, predicted) for bound in bounds[1::2]]
    return Prices(predicted, lower[0], upper[0], lower[1], upper[1], lower[2], upper[2])
