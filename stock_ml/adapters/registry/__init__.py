"""MLflow: runs, versions of the model, and which of them is champion."""

from stock_ml.adapters.registry.registry import CHALLENGER, CHAMPION, ChampionRef, Registry

__all__ = ["CHALLENGER", "CHAMPION", "ChampionRef", "Registry"]
