"""What MLflow runs to load a version anywhere: the scorer's JSON and the few library files stored with it."""

from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from stock_ml.model.scorer import Scorer, prices


class ClosePredictor(PythonModel):
    """Forecast closes from a table with the feature columns and `last_close`.

    With a column `symbol` it forecasts what is served: some symbols stay at their last price.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read the scorer that was stored with this version."""
        self.scorer = Scorer.from_json(Path(context.artifacts["scorer"]).read_text())

    # MLflow itself leaves out the context where a model names none
    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:  # type: ignore[override]  # see above
        """Return predicted_close and its bounds at 50, 90 and 99 %, one row a forecast."""
        features = model_input[self.scorer.schema["names"]].to_numpy(np.float64)
        symbols = model_input["symbol"].to_numpy(str) if "symbol" in model_input else None
        forecast = prices(model_input["last_close"].to_numpy(np.float64), self.scorer.predict(features, symbols))
        return pd.DataFrame(vars(forecast))


set_model(ClosePredictor())
