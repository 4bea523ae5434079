"""Feature rows → a fitted Spark pipeline for each candidate, and the parameters in it."""

from collections.abc import Sequence

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import SQLTransformer, VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.sql import DataFrame

PREDICTED = "log_return"  # the column of a pipeline's forecasts


def fit(rows: DataFrame, names: Sequence[str]) -> PipelineModel:
    """Fit a linear regression of the column `target` on the columns `names`, in their order."""
    assembler = VectorAssembler(inputCols=list(names), outputCol="features")
    regression = LinearRegression(featuresCol="features", labelCol="target", predictionCol=PREDICTED)
    return Pipeline(stages=[assembler, regression]).fit(rows)


def persistence() -> PipelineModel:
    """Return the pipeline that forecasts the last close."""
    return PipelineModel([SQLTransformer(statement="SELECT *, 0D AS log_return FROM __THIS__")])


def parameters(model: PipelineModel) -> tuple[tuple[float, ...], float]:
    """Return the coefficients, in the order of the feature names, and the intercept of a fitted linear pipeline."""
    regression = model.stages[-1]
    return tuple(float(c) for c in regression.coefficients.toArray()), float(regression.intercept)
