"""Hostile answers through parser and cleaning, and through Kafka and the consumer: right, and the same bits in both."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import numpy as np
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks._consumer import fixed_scorer
from benchmarks._hostile import answer
from benchmarks._live import publish, running_process, stage
from stock_ml.adapters.broker import Publisher
from stock_ml.cleaning.rules import CleanBars, CleaningParameters, clean
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import OfficialClose, OfficialCloses
from stock_ml.domain.outliers import outliers
from stock_ml.model import features
from stock_ml.model.scorer import Scorer, prices
from stock_ml.sources.parsing import Response, live_rows, parse, place
from stock_ml.testing.hostile_cases import KINDS, Case
from stock_ml.testing.replay import mistake

MINUTES = 3  # that are published at a time
VALUES = ("open", "high", "low", "close", "volume")
BARS = """
select symbol, extract(epoch from ts)::bigint as ts, open, high, low, close, volume, filled, outlier from bars
"""
FORECASTS = "select symbol, extract(epoch from bar_ts)::bigint as ts, last_close, predicted_close from forecasts"
CLOSES = "select symbol, extract(epoch from ts)::bigint as ts, close from official_closes"
HEAD = ("case", "layout", "rows", "kept", "outliers", "refused", "no trade", "wrong", "batch and stream differ")
Row = tuple[int, tuple[float, ...], bool, bool]  # minute, values, filled, outlier
Forecast = tuple[float, float]


@dataclass
class Outcome:
    """Hold what one path made of a case: its rows, and last and predicted close by minute."""

    rows: set[Row] = field(default_factory=set)
    forecasts: dict[int, Forecast] = field(default_factory=dict)
    closes: dict[int, float] = field(default_factory=dict)


def run(console: Console) -> dict[str, float]:
    """Send every case through both paths, and count those that are wrong."""
    cases = {f"H{number:03}": case for number, case in enumerate(_cases())}
    exchanges = tuple((symbol, case.calendar.exchange) for symbol, case in cases.items())
    with stage(tuple(cases), exchanges=exchanges) as s:
        scorer = fixed_scorer(s)
        batch = {symbol: _batch(symbol, case, s, scorer) for symbol, case in cases.items()}
        stream = _stream(s, cases)
    mistakes = {symbol: mistake(case, batch[symbol][0]) for symbol, case in cases.items()}
    parted = {symbol: _difference(batch[symbol][1], stream[symbol], case.settled) for symbol, case in cases.items()}
    console.print(_table(cases, {symbol: found[0] for symbol, found in batch.items()}, mistakes, parted))
    wrong = sum(map(bool, mistakes.values()))
    return {"cases": len(cases), "wrong": wrong, "batch_is_stream": float(not any(parted.values()))}


def _cases() -> Iterator[Case]:
    for number, (name, kind) in enumerate(KINDS.items()):
        for layout in kind.layouts:
            yield kind.case(name, layout, np.random.default_rng(number))


def _batch(symbol: str, case: Case, s: Settings, scorer: Scorer) -> tuple[CleanBars, Outcome]:
    """Return what parser and cleaning make of a case, and its forecasts as training would have them."""
    calendar = case.calendar
    rows = place(parse(answer(case), case.name, of_file=False), "start", calendar)
    cleaned = clean(rows, symbol, s.source, CleaningParameters(calendar, s.feed_gap_minutes, case.known_at))
    minutes = Minutes.of_frame(cleaned.bars)
    unusual = set(minutes.ts[_outliers(minutes, calendar, s.feed_gap_minutes)].tolist())
    columns = zip(minutes.ts.tolist(), *(getattr(minutes, name).tolist() for name in VALUES), strict=True)
    flags = zip(columns, minutes.filled.tolist(), strict=True)
    found = {(ts, tuple(values), filled, ts in unusual) for (ts, *values), filled in flags}
    closes = OfficialCloses.of_bars(cleaned.bars, calendar)
    official = dict(zip(closes.ts.tolist(), closes.close.tolist(), strict=True))
    return cleaned, Outcome(found, _forecasts(symbol, minutes, closes, s, scorer), official)


def _outliers(minutes: Minutes, calendar: Sessions, limit: int) -> np.ndarray:
    found = np.zeros(len(minutes), dtype=bool)
    found[~minutes.filled] = outliers(minutes.select(~minutes.filled), calendar, limit)
    return found


def _forecasts(
    symbol: str, minutes: Minutes, closes: OfficialCloses, s: Settings, scorer: Scorer
) -> dict[int, Forecast]:
    calendar = s.calendars.of(symbol)
    table = features.table(minutes, calendar, scorer.schema, s.feed_gap_minutes, closes)
    table = table[calendar.period(table["bar_ts"].to_numpy() + 60 * s.horizon) >= 0]
    last = table["last_close"].to_numpy()
    values = table[list(features.FEATURES)].to_numpy()
    made = prices(last, scorer.predict(values, np.full(len(table), symbol)))
    pairs = zip(last.tolist(), made.predicted_close.tolist(), strict=True)
    return dict(zip(table["bar_ts"].tolist(), pairs, strict=True))


def _stream(s: Settings, cases: dict[str, Case]) -> dict[str, Outcome]:
    """Publish the bars of all cases as they are sent, every fifth one twice, and read what the consumer stored.

    They come some minutes at a time, so that the consumer goes on from what it keeps of each symbol.
    """
    bars = sorted((sent for symbol, case in cases.items() for sent in _live(symbol, case, s)), key=itemgetter(0))
    sent = 0
    with running_process(s, "_consumer") as consumer:
        publisher = Publisher.connect(s)
        for _, group in groupby(bars, lambda sent: sent[0] // (MINUTES * MINUTE)):
            part = [again for n, (_, bar) in enumerate(group) for again in [bar] * (2 if n % 5 == 0 else 1)]
            publish(publisher, part)
            publisher.flush(60)
            sent += len(part)
            consumer.wait(sent)
    return _stored(s, cases)


def _live(symbol: str, case: Case, s: Settings) -> list[tuple[int, Bar | OfficialClose]]:
    """Return the bars and official closes of a case, each with when it is sent."""
    response = Response(s.source, symbol, None, {}, case.known_at, answer(case), "application/octet-stream")
    rows = live_rows(response, "start", case.calendar)
    sent = case.deliver(rows.bars) if case.deliver else [(bar.ts, bar) for bar in rows.bars]
    return [*sent, *((close.ts, close) for close in rows.official_closes)]


def _stored(s: Settings, cases: dict[str, Case]) -> dict[str, Outcome]:
    found = {symbol: Outcome() for symbol in cases}
    with psycopg.connect(s.postgres()) as connection:
        for symbol, ts, *values, filled, outlier in connection.execute(BARS):
            found[symbol].rows.add((ts, tuple(values), filled, outlier))
        for symbol, ts, last, predicted in connection.execute(FORECASTS):
            found[symbol].forecasts[ts] = (last, predicted)
        for symbol, ts, close in connection.execute(CLOSES):
            found[symbol].closes[ts] = close
    return found


def _difference(batch: Outcome, stream: Outcome, settled: int) -> str:
    """Return in which way the paths differ, "" where every bit is the same.

    Before `settled` bars came late or out of order: forecasts made without them stand.
    """
    if batch.rows != stream.rows:
        return f"{len(batch.rows ^ stream.rows)} rows"
    if batch.closes != stream.closes:
        return "official closes"
    differ = {
        ts
        for ts in batch.forecasts.keys() | stream.forecasts.keys()
        if ts >= settled and batch.forecasts.get(ts) != stream.forecasts.get(ts)
    }
    return f"{len(differ)} forecasts" if differ else ""


def _table(
    cases: dict[str, Case], cleaned: dict[str, CleanBars], mistakes: dict[str, str], parted: dict[str, str]
) -> Table:
    table = Table(
        "case", "layout", "rows", "kept", "outliers", "refused", "no trade", "wrong", "batch and stream differ"
    )
    for symbol, case in cases.items():
        report = cleaned[symbol].report
        counts = (report["rows_read"], report["kept"], report["outliers"]["count"], len(cleaned[symbol].refused))
        cells = (*map(str, counts), str(report["no_trade"]), mistakes[symbol], parted[symbol])
        table.add_row(case.name, case.layout, *cells)
    return table
