"""Fit what will serve by MLlib, and hold it against what was judged and against the scorer without Spark."""

from dataclasses import replace

import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.errors import ParityError
from stock_ml.evaluation.promotion import PERSISTENCE
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.parameters import Parameters
from stock_ml.model.scorer import Scorer
from stock_ml.training import spark_models
from stock_ml.training.walk_forward import WalkForwardResult, fit_rows

SAMPLE = 1000  # rows that are compared
TOLERANCE = 1e-9  # log return: Spark and the light scorer do the same sum
SAME = 1e-3  # of the targets' deviation: what two ways to the same minimum may be apart


def with_served_fit(result: WalkForwardResult, rows: DataFrame, schema: FeatureSchema, kind: str) -> WalkForwardResult:
    """Return the result with MLlib's pipeline of the kind that will serve, and its parameters."""
    if kind == PERSISTENCE or kind in result.pipelines:
        return result
    *earlier, last = result.judge.steps
    fitted = fit_rows(rows, schema, kind, last.fold)
    served = last._replace(fits={**last.fits, kind: spark_models.parameters(fitted)})
    judge = replace(result.judge, steps=(*earlier, served))
    return replace(result, judge=judge, pipelines={**result.pipelines, kind: fitted})


def pipeline(result: WalkForwardResult, scorer: Scorer) -> PipelineModel:
    """Return the pipeline that forecasts what the scorer does."""
    return spark_models.with_fallback(
        result.pipelines.get(scorer.kind) or spark_models.persistence(), scorer.last_price
    )


def sample(rows: DataFrame, result: WalkForwardResult, served: PipelineModel) -> pd.DataFrame:
    """Return Spark's own forecasts of some rows that were trained on."""
    trained = rows.where(F.col("bar_ts") >= int(result.sessions["first"].min()))
    forecasts: pd.DataFrame = served.transform(trained.limit(SAMPLE)).toPandas()
    return forecasts


def check_parity(scorer: Scorer, sample: pd.DataFrame) -> None:
    """Raise ParityError unless the scorer equals Spark's own forecasts of `sample` within TOLERANCE."""
    symbols = sample["symbol"].to_numpy(str)
    scored = scorer.predict(sample[scorer.schema["names"]].to_numpy(np.float64), symbols).log_return
    difference = np.abs(scored - sample[spark_models.PREDICTION].to_numpy())
    if not (difference <= TOLERANCE).all():
        raise ParityError(
            f"the light scorer is up to {difference.max():.1e} away from Spark's own forecasts on {len(sample)} rows, "
            f"{TOLERANCE} is allowed: nothing was registered"
        )


def check_judged(judged: Parameters, served: Parameters, sample: pd.DataFrame, schema: FeatureSchema) -> None:
    """Raise ParityError unless what serves forecasts `sample` as what was judged does."""
    features = sample[schema["names"]].to_numpy(np.float64)
    apart = float(np.abs(judged.predict(features) - served.predict(features)).max())
    allowed = SAME * float(sample["target"].std(ddof=0)) + TOLERANCE
    if not apart <= allowed:
        raise ParityError(
            f"MLlib's fit forecasts up to {apart:.1e} else than the fit that was judged, on {len(sample)} rows where "
            f"{allowed:.1e} is allowed: nothing was registered"
        )
