"""Fit candidates with Spark MLlib: each recipe is a name and a way to make a pipeline of feature rows."""

from collections.abc import Sequence

from pyspark.ml import PipelineModel
from pyspark.ml.feature import SQLTransformer, VectorAssembler
from pyspark.ml.regression import LinearRegression, LinearRegressionModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

PREDICTED = "log_return"  # the column of a pipeline's forecasts
RECIPES = ("linear", "huber")
TARGET, SCALED, UNIT = (
    "scaled_target",
    "scaled",
    1e4,
)  # the optimiser's tolerances are made for numbers near one: basis points, not returns
BACK = "SELECT *, scaled / 10000D AS log_return FROM __THIS__"
EPSILON = 1.05  # close to absolute error, which judges


def fit(rows: DataFrame, names: Sequence[str], recipe: str = "linear") -> PipelineModel:
    """Fit a recipe of the column `target` on the columns `names`, in their order.

    linear is least squares; huber (Huber 1964, as in MLlib with concomitant scale) lets single large moves count less.
    """
    assembler = VectorAssembler(inputCols=list(names), outputCol="features")
    ahead = assembler.transform(rows.withColumn(TARGET, F.col("target") * F.lit(UNIT)))
    model = _regression(recipe).fit(ahead)
    return PipelineModel([assembler, model, SQLTransformer(statement=BACK)])


def _regression(recipe: str) -> LinearRegression:
    found = LinearRegression(featuresCol="features", labelCol=TARGET, predictionCol=SCALED)
    return found.setParams(loss="huber", epsilon=EPSILON, maxIter=200) if recipe == "huber" else found


def persistence() -> PipelineModel:
    """Return the pipeline that forecasts the last close."""
    return PipelineModel([SQLTransformer(statement="SELECT *, 0D AS log_return FROM __THIS__")])


def parameters(model: PipelineModel) -> tuple[tuple[float, ...], float]:
    """Return the coefficients, in the order of the feature names, and the intercept of a fitted pipeline."""
    (regression,) = (stage for stage in model.stages if isinstance(stage, LinearRegressionModel))
    return tuple(float(c) / UNIT for c in regression.coefficients.toArray()), float(regression.intercept) / UNIT
