"""The model card in Markdown: what a version forecasts, its data, its metrics and its limits."""

from collections.abc import Iterable, Mapping

import pandas as pd

from stock_ml.config import Settings
from stock_ml.domain.feed_delay import feed_words
from stock_ml.evaluation.training_result import Report
from stock_ml.model import features

METRICS = ("rows", "skill", "mae_bp", "rmse_bp", "direction", "coverage_50", "coverage_90", "coverage_99")
LIMITS = """
- It knows bars of one minute and nothing else: no order book, no news, no other symbol.
- Skill is against the last price, in absolute error; what trading on it would leave is `sign_after_spread_bp`.
- Intervals hold on average over sessions like those judged; live they adapt to outcomes, but lag behind sudden changes.
- Forecasts stand on the tick grid: where a minute moves less than a tick, most of them are the last price.
- It is no advice to buy or sell.
"""


def card(s: Settings, sessions: pd.DataFrame, report: Report, tags: Mapping[str, str]) -> str:
    """Return the card of the version with these tags; `sessions` are those trained on, as in `WalkForwardResult`."""
    parts = [f"# {s.mlflow_model}: {tags['kind']}, {s.horizon} min ahead", *_warning(s)]
    parts += ["## Decision", f"{tags['kind']}: {tags['decision']}. Skill in walk-forward {float(tags['skill']):.2%}."]
    parts += ["## Data", _data(s, sessions)]
    parts += [
        "## Features",
        f"{', '.join(features.FEATURES)}; schema `{tags['schema_hash']}`, formulas in `features.py`.",
    ]
    parts += [
        "## Candidates",
        *_tables(report),
        "Each fold and symbol: `folds.csv`, and the runs nested below this one.",
    ]
    return "\n\n".join([*parts, "## Limits", LIMITS.strip()]) + "\n"


def _warning(s: Settings) -> list[str]:
    return ["**SIMULATED: the bars are made up, and so is what this model knows of markets.**"] if s.simulated else []


def _data(s: Settings, sessions: pd.DataFrame) -> str:
    rows = [("source", s.source), ("symbols", ", ".join(s.symbols)), ("exchange", s.exchange)]
    rows += [("feed", feed_words(s.feed_delay))] if s.feed_delay else []
    rows += [("trained on", f"{sessions['session'].min()} to {sessions['session'].max()}, {len(sessions)} sessions")]
    rows += [("rows", f"{int(sessions['rows'].sum()):,}"), ("window", f"{s.window} bars")]
    return _markdown(("", ""), rows)


def _tables(report: Report) -> Iterable[str]:
    for part, title in (("walk_forward", "In walk-forward:"), ("test", "On sessions held out:")):
        found = {name.partition("/")[2]: row for name, row in report.items() if name.startswith(f"{part}/")}
        if found:
            cells = [(kind, *(_format(row.get(name)) for name in METRICS)) for kind, row in found.items()]
            yield f"{title}\n\n{_markdown(('kind', *METRICS), cells)}"


def _format(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if number >= 1000 else f"{number:.4f}"


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *(tuple(row) for row in rows)]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([table[0], "|" + " --- |" * len(lines[0]), *table[1:]])
