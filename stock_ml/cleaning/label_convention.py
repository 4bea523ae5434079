"""Decide what a source's labels mark, from a symbol's bars, what was learned before, or a setting."""

import logging
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from stock_ml.adapters.lake import Lake, keys
from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.ingest_records import LabelEvidence, LabelFinding
from stock_ml.errors import AmbiguousTimestamps, BadFile, NoBars
from stock_ml.sources.parsing import WHOLE_FILE, Convention, Response, place, read
from stock_ml.sources.parsing.label_checks import check_clock, check_labels, check_size
from stock_ml.sources.parsing.timestamp_convention import ambiguous, label_evidence, pooled, signs_in_words
from stock_ml.sources.registry import open_source

log = logging.getLogger(__name__)

MIN_SESSIONS = 5  # sessions that may contradict what a source's labels meant so far
SETTING, STAMPS, OWN = "STOCKML_LABELS", "stamps in UTC", "its own bars"
OTHERS, EARLIER = "other symbols of the source", "earlier bars of the source"
Decision = tuple[Convention, str]  # and what it was taken from
UNASKED: LabelEvidence = {"says": "", "sure": "none", "sessions": 0, "signs": []}


def find_convention(s: Settings, lake: Lake, symbol: str, rows: pd.DataFrame, where: str) -> LabelFinding:
    """Return what the labels of a symbol's rows mark, with the evidence and what it was taken from.

    The setting decides, or bars that the source stamps in UTC, or strong evidence of the symbol's own bars. Weak
    evidence decides nothing alone: then what the source's other bars meant is taken. What is found is stored for the
    whole source; each file is asked by itself first.
    Raises BadFile where the labels cannot be minutes of the exchange, AmbiguousTimestamps where nothing decides or
    strong evidence contradicts what was learned before.
    """
    if "ts" in rows:
        return _store(lake, UNASKED, ("start", STAMPS))
    calendar = s.calendars.of(symbol)
    _check(s, lake, rows, where, calendar)
    found = label_evidence(rows, calendar)
    return _store(lake, found, _decide(s, lake, symbol, found, where))


def _store(lake: Lake, found: LabelEvidence, decision: Decision) -> LabelFinding:
    convention, taken_from = decision
    if taken_from != SETTING and lake.convention() != convention:
        lake.write_convention(convention)
    return {**found, "convention": convention, "taken_from": taken_from}


def _check(s: Settings, lake: Lake, rows: pd.DataFrame, where: str, calendar: Sessions) -> None:
    """Check labels; where it is known already what they mark, a doubt about their hours is only logged."""
    check_size(rows, where)
    try:
        check_clock(rows, calendar, where)
    except BadFile as doubt:
        if not s.labels and (s.replayed or lake.convention() is None):
            raise
        log.warning("%s; they are read as before", doubt)


def _decide(s: Settings, lake: Lake, symbol: str, found: LabelEvidence, where: str) -> Decision:
    known = None if s.replayed else lake.convention()
    if s.labels:
        if found["sure"] == "strong" and found["says"] != s.labels:
            log.warning("STOCKML_LABELS=%s is applied to %s; its bars say: %s", s.labels, where, signs_in_words(found))
        return s.labels, SETTING
    if known is None:
        return _learn(s, lake, symbol, found, where)
    if found["sure"] == "strong" and found["says"] != known and found["sessions"] >= MIN_SESSIONS:
        raise _contradiction(s, known, found, where)
    return known, OWN if found["says"] == known and found["sure"] == "strong" else EARLIER


def _learn(s: Settings, lake: Lake, symbol: str, found: LabelEvidence, where: str) -> Decision:
    if not s.replayed:
        lake.write_label_evidence(symbol, found)
    if found["sure"] == "strong":
        return cast(Convention, found["says"]), OWN
    exchange = s.calendars.of(symbol).exchange
    others = [name for name in s.symbols if name != symbol and s.calendars.of(name).exchange == exchange]
    together = pooled([found, *(_of_files(s, others) if s.replayed else lake.label_evidence(others))])
    if together is None:
        raise ambiguous(found, where)
    return together, OTHERS


def _of_files(s: Settings, symbols: Sequence[str]) -> list[LabelEvidence]:
    found = []
    for symbol in symbols:
        try:
            found.append(_of_file(s, symbol))
        except (BadFile, NoBars) as error:  # the symbol's own task fails with it
            log.warning("the labels of %s say nothing of the others: %s", symbol, error)
    return found


def _of_file(s: Settings, symbol: str) -> LabelEvidence:
    return _evidence(s, symbol, open_source(s).fetch(symbol, WHOLE_FILE))[1]


def _evidence(s: Settings, symbol: str, response: Response) -> tuple[pd.DataFrame, LabelEvidence]:
    rows, calendar = read(response), s.calendars.of(symbol)
    if "ts" in rows:
        return rows, {**UNASKED, "says": "start", "sure": "strong"}
    check_labels(rows, calendar, response.where)
    return rows, label_evidence(rows, calendar)


def check_files(s: Settings) -> list[str]:
    """Read the files of each symbol, see that the meaning of their labels is sure, and say what was understood.

    Raises BadInput or NoBars as cleaning would, before anything is started for them.
    """
    found, texts = {}, []
    for symbol in s.symbols:
        response = open_source(s).fetch(symbol, WHOLE_FILE)
        rows, found[symbol] = _evidence(s, symbol, response)
        texts.append(_understood(s, response, rows, found[symbol]))
    exchanges = {symbol: s.calendars.of(symbol).exchange for symbol in s.symbols}
    for symbol, one in found.items():
        alike = [other for name, other in found.items() if exchanges[name] == exchanges[symbol]]
        if not s.labels and one["sure"] != "strong" and pooled(alike) is None:
            raise ambiguous(one, f"the file of {symbol}")
    return texts


def _understood(s: Settings, response: Response, rows: pd.DataFrame, found: LabelEvidence) -> str:
    """Say in words how a symbol's files are read."""
    calendar, request = s.calendars.of(response.symbol), response.request
    ts = place(rows[rows["broken"] == ""], s.labels or "start", calendar)["ts"].to_numpy()
    met = calendar.number(ts)
    days = np.sort(calendar.dates[met[met >= 0]])[[0, -1]] if (met >= 0).any() else ("none", "none")
    edge = f"{s.labels}, as STOCKML_LABELS says" if s.labels else found["says"] or "edge that the other symbols tell"
    return (
        f"{response.symbol}: {len(rows):,} rows of {response.where}; layout: {request['layout']}; "
        f"zone of the stamps: {request['zone']}; a stamp marks the {edge} of its minute; "
        f"sessions of {calendar.exchange}: {days[0]} to {days[1]}"
    )


def _contradiction(s: Settings, known: str, found: LabelEvidence, where: str) -> AmbiguousTimestamps:
    return AmbiguousTimestamps(
        f"{where}: {s.source} labelled bars by their {known} so far, and these look labelled by the other edge "
        f"({signs_in_words(found)}): compare with another source; set STOCKML_LABELS to start or end, or delete "
        f"{keys.convention(s.source)} to learn anew"
    )
