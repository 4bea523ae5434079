"""What serves is what was judged, and what Spark forecasts."""

import numpy as np
import pandas as pd
import pytest

from stock_ml.errors import ParityError
from stock_ml.model.conformal import FLAT, Calibration
from stock_ml.model.features import FEATURES, schema
from stock_ml.model.parameters import Parameters
from stock_ml.model.scorer import Scorer, persistence
from stock_ml.training.served_fit import check_judged, check_parity

RNG = np.random.default_rng(4)
WIDTHS = {"50": 1.0, "90": 2.0, "99": 3.0}
SAMPLE = pd.DataFrame(RNG.normal(size=(50, len(FEATURES))), columns=list(FEATURES)).abs().assign(symbol="A", target=0.0)


def test_a_scorer_that_differs_from_spark_is_refused():
    scorer = Scorer("linear", tuple(RNG.normal(size=len(FEATURES))), 0.1, WIDTHS, schema(30, 1), 0)
    spark = scorer.predict(SAMPLE[list(FEATURES)].to_numpy()).log_return
    check_parity(scorer, SAMPLE.assign(log_return=spark + 1e-10))
    check_parity(persistence(Calibration(WIDTHS, FLAT), schema(30, 1), 0), SAMPLE.assign(log_return=0.0))
    with pytest.raises(ParityError, match=r"2\.0e-09"):
        check_parity(scorer, SAMPLE.assign(log_return=spark + np.eye(50)[7] * 2e-9))
    with pytest.raises(ParityError):
        check_parity(scorer, SAMPLE.assign(log_return=np.nan))


def test_a_fit_that_forecasts_else_than_what_was_judged_is_refused():
    sample = SAMPLE.assign(target=RNG.normal(0, 5e-4, len(SAMPLE)))
    judged = Parameters((1e-4,) * len(FEATURES), 0.0)
    check_judged(judged, judged._replace(intercept=1e-7), sample, schema(30, 1))
    check_judged(
        judged, judged._replace(intercept=1e-17), SAMPLE, schema(30, 1)
    )  # nothing moves, and one is not quite 0
    with pytest.raises(ParityError, match=r"up to 1\.0e-06 else than the fit that was judged"):
        check_judged(judged, judged._replace(intercept=1e-6), sample, schema(30, 1))
