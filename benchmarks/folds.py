"""The fold table of each candidate on bars of yours (SOURCE=csv CSV=FILE), and what a training would decide."""

import time

import pandas as pd
from rich.console import Console
from rich.table import Table

from stock_ml.adapters import spark as engine
from stock_ml.cleaning.rules import CleaningParameters, clean
from stock_ml.config import Settings, load
from stock_ml.domain.gaps import Minutes
from stock_ml.evaluation.promotion import PERSISTENCE, Decision, PromotionThreshold
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.model import features
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import parse
from stock_ml.sources.parsing.timestamp_convention import detect_convention, place
from stock_ml.training.metrics_report import decide, fold_table
from stock_ml.training.spark_models import RECIPES
from stock_ml.training.symbol_fallback import with_symbol_fallback
from stock_ml.training.walk_forward import History, judge_intervals, walk_forward

WIDE = 240
SHOWN = {
    "rows": "{:,.0f}",
    "mae": "{:.4f}",
    "mae_bp": "{:.3f}",
    "rmse_bp": "{:.3f}",
    "skill": "{:+.4f}",
    "direction": "{:.3f}",
    "direction_error": "{:.3f}",
    "unchanged": "{:.3f}",
    "coverage_50": "{:.3f}",
    "coverage_90": "{:.3f}",
    "coverage_99": "{:.3f}",
    "width_50_bp": "{:.2f}",
    "width_90_bp": "{:.2f}",
    "width_99_bp": "{:.2f}",
    "sign_after_spread_bp": "{:+.3f}",
    "last_price": "{:.2f}",
}


def run(console: Console, holdout: int = 0, raw: int = 0) -> dict[str, float]:
    """Judge every recipe on the file as a training does, from persistence; print the table and return the skills.

    The newest `holdout` sessions are left out. With `raw=1` no symbol is left at its last price.
    Raises BadSetting without a file, BadFile, TooLittleHistory.
    """
    s = load(source="csv")
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    rows = pd.concat([_rows(s, schema, symbol) for symbol in s.symbols], ignore_index=True)
    with engine.session(s) as spark:
        held = spark.createDataFrame(rows).coalesce(1).persist()
        result = walk_forward(held, schema, RECIPES, History(holdout, s.train_sessions))
        found = judge_intervals(result if raw else with_symbol_fallback(result, {}))
    table = fold_table(found)
    if not console.is_terminal:  # a file has room: else every figure would be cut
        console.width = WIDE
    console.print(_table(table, len(s.symbols) > 1))
    console.print(_told(decide(found, Incumbent(PERSISTENCE), PromotionThreshold(s.promote_alpha, s.promote_margin))))
    whole = table[(table["fold"] == "all") & (table["symbol"] == "all")].set_index("kind")["skill"]
    return {f"skill_{kind}": round(whole[kind], 5) for kind in RECIPES}


def _rows(s: Settings, schema: FeatureSchema, symbol: str) -> pd.DataFrame:
    """Return the feature rows of a symbol's file, those with a known target."""
    calendar = s.calendars.of(symbol)
    response = CsvFiles.connect(s).fetch(symbol)
    rows = parse(response.body, symbol)
    placed = place(rows, detect_convention(rows, calendar), calendar)
    bars = clean(placed, symbol, s.source, CleaningParameters(calendar, s.feed_gap_minutes, time.time())).bars
    table = features.table(Minutes.of_frame(bars), calendar, schema, s.feed_gap_minutes)
    table.insert(0, "symbol", symbol)
    return table[table["target"].notna()]


def _table(found: pd.DataFrame, several: bool) -> Table:
    names = ["kind", "fold", *(["symbol"] if several else []), *SHOWN]
    table = Table(*names, title="walk-forward; intervals before they adapt, in the first fold only calibrated")
    for row in found[several | (found["symbol"] == "all")].to_dict("records"):
        whose = [str(row[name]) for name in names[: -len(SHOWN)]]
        table.add_row(*whose, *("" if pd.isna(row[name]) else shown.format(row[name]) for name, shown in SHOWN.items()))
    return table


def _told(decision: Decision) -> str:
    return f"champion would be {decision.kind}: {decision.reason}"
