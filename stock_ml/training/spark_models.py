"""Fit candidates with Spark MLlib: each recipe names a pipeline over feature rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.ml import PipelineModel
from pyspark.ml.feature import SQLTransformer, VectorAssembler
from pyspark.ml.regression import GBTRegressionModel, GBTRegressor, LinearRegression, LinearRegressionModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.model.parameters import Parameters
from stock_ml.model.regression.huber import EPSILON
from stock_ml.model.regression.least_squares import L1_RATIO, noise
from stock_ml.model.trees import Tree

PREDICTION = "log_return"  # the column of a pipeline's forecasts
RECIPES = ("linear", "huber", "elastic", "gbt")
# the optimiser's tolerances are made for numbers near one: basis points, not returns
TARGET, SCALED, UNIT = "scaled_target", "scaled", 1e4
UNSCALED = "SELECT *, scaled / 10000D AS log_return FROM __THIS__"
FALLBACK = "SELECT * EXCEPT (log_return), IF(symbol IN ({}), 0D, log_return) AS log_return FROM __THIS__"
# many small steps of shallow trees, each on half of the rows, as a minute tells little; the loss is the metric
GBT: dict[str, Any] = {"maxIter": 30, "maxDepth": 3, "stepSize": 0.15, "subsamplingRate": 0.5}
GBT |= {"minInstancesPerNode": 100, "seed": 1}


def fit(rows: DataFrame, names: Sequence[str], recipe: str = "linear") -> PipelineModel:
    """Fit a recipe of the column `target` on the columns `names`, in their order.

    linear is least squares; huber (Huber 1964, as in MLlib with concomitant scale) lets single large moves count less;
    elastic is least squares that leaves out what chance alone could give (Zou and Hastie 2005); gbt boosts shallow
    trees on the absolute error (Friedman 2001).
    """
    assembler = VectorAssembler(inputCols=list(names), outputCol="features")
    ahead = assembler.transform(rows.withColumn(TARGET, F.col("target") * F.lit(UNIT)))
    columns: dict[str, Any] = {"featuresCol": "features", "labelCol": TARGET, "predictionCol": SCALED}
    if recipe == "gbt":
        model = GBTRegressor(**columns, **GBT, lossType="absolute").fit(ahead)
    else:
        model = LinearRegression(**columns).setParams(**_loss(recipe, ahead, len(names))).fit(ahead)
    return PipelineModel([assembler, model, SQLTransformer(statement=UNSCALED)])


def _loss(recipe: str, ahead: DataFrame, features: int) -> dict[str, Any]:
    if recipe == "huber":
        return {"loss": "huber", "epsilon": EPSILON, "maxIter": 200}
    if recipe == "elastic":
        n, spread = ahead.agg(F.count(TARGET), F.stddev(TARGET)).first() or (0, None)
        by_chance = noise(spread or 0.0, features, n) if n else 0.0
        return {"regParam": by_chance / L1_RATIO, "elasticNetParam": L1_RATIO}
    return {}


def persistence() -> PipelineModel:
    """Return the pipeline that forecasts the last close."""
    return PipelineModel([SQLTransformer(statement="SELECT *, 0D AS log_return FROM __THIS__")])


def with_fallback(model: PipelineModel, symbols: Sequence[str]) -> PipelineModel:
    """Return a fitted pipeline that leaves these symbols at their last price."""
    if not symbols:
        return model
    named = ", ".join(f"'{symbol}'" for symbol in symbols)  # the settings let no quote into a symbol
    return PipelineModel([*model.stages, SQLTransformer(statement=FALLBACK.format(named))])


def parameters(model: PipelineModel) -> Parameters:
    """Return a fitted pipeline's parameters, coefficients in the order of the feature names."""
    fitted = model.stages[1]
    if isinstance(fitted, GBTRegressionModel):
        weights = (float(weight) / UNIT for weight in fitted.treeWeights)
        trees = tuple(_tree(one, weight) for one, weight in zip(fitted.trees, weights, strict=True))
        return Parameters((0.0,) * fitted.numFeatures, 0.0, trees)
    if not isinstance(fitted, LinearRegressionModel):
        raise TypeError(f"{type(fitted).__name__} has no coefficients")
    return Parameters(tuple(float(c) / UNIT for c in fitted.coefficients.toArray()), float(fitted.intercept) / UNIT)


def importances(model: PipelineModel) -> NDArray[np.float64] | None:
    """Return each feature's share of what all splits of all trees gained; None where there are no trees."""
    fitted = model.stages[1]
    return fitted.featureImportances.toArray() if isinstance(fitted, GBTRegressionModel) else None


def _tree(model: Any, weight: float) -> Tree:
    """Return the nodes of a fitted tree, each before its children."""
    nodes: list[list[float]] = []

    def add(node: Any) -> int:
        at, leaf = len(nodes), node.subtreeDepth() == 0
        nodes.append([0, 0.0, -1, -1, float(node.prediction())])
        if not leaf:
            split = node.split()
            nodes[at][:2] = [split.featureIndex(), float(split.threshold())]
            nodes[at][2:4] = [add(node.leftChild()), add(node.rightChild())]
        return at

    add(model._call_java("rootNode"))
    feature, threshold, left, right, value = zip(*nodes, strict=True)
    return Tree(feature, threshold, left, right, value, weight)
