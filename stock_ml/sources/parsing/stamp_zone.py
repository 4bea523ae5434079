"""Learn in which time zone naive stamps are: the one in which the trading lies in the sessions, on most days."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import AmbiguousReading, BadFile
from stock_ml.sources.parsing.stamps import to_utc

# where files come from: exchanges, vendors in UTC, brokers whose days end with New York's (MetaTrader), Stooq in Warsaw
ZONES = (
    "UTC", "America/New_York", "America/Chicago", "America/Los_Angeles", "Europe/London", "Europe/Warsaw",
    "Europe/Athens", "Asia/Kolkata", "Asia/Hong_Kong", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
GAIN = 0.08  # of all trading: how much more of it lies in the sessions in the zone that is right
FITS = 0.5  # of all trading that lies in the sessions in a zone that can be right
SAMPLE = 120  # days, evenly spread: they hold the changes of clocks
FEWEST_ROWS, FEWEST_DAYS = 60, 3  # between two changes of clocks, from either of which on they are judged by themselves
WIDE = 20 * 60  # minutes: a session that long has no edges to learn from


class Fit(NamedTuple):
    """Hold a zone, the share of the trading that lies in sessions in it, and what the stamps are in UTC."""

    zone: str
    share: float
    seconds: np.ndarray


def learn_zone(naive: np.ndarray, activity: np.ndarray, sessions: Sessions, where: str) -> str:
    """Return the zone of naive stamps, seconds (n,), by how much is traded at each, (n,).

    The exchange's own zone and UTC are asked first. Another one is taken only where it fits better than both. Of a
    change of clocks the worse side counts, so a clock that does not change is another zone than one that does.
    Raises AmbiguousReading naming the two readings where two fit.
    """
    if not len(naive):
        return sessions.zone
    stamps, weights = _sample(naive, activity)
    zones = _candidates(sessions.zone)
    sides = _sides(stamps, zones)
    fits = _distinct([_fit(zone, stamps, weights, sides, sessions) for zone in zones])
    best = max(fits, key=lambda fit: round(fit.share, 3))
    near = [fit for fit in fits if fit.share >= max(best.share - GAIN, FITS)]
    near = [fit for fit in near if fit.zone in (sessions.zone, "UTC")] or near
    if best.share < FITS:
        return _unknown(best, len(naive), sessions, where)
    if len(near) > 1 or np.median(sessions.lengths) >= WIDE:
        raise _ambiguous([*near, *fits], sessions, where)
    _check_sides(near[0], weights, sides, sessions, where)
    return near[0].zone


def _unknown(best: Fit, count: int, sessions: Sessions, where: str) -> str:
    """Refuse the hours of another exchange; a few rows outside of any session are read as the exchange's own."""
    if count >= FEWEST_ROWS:
        raise BadFile(
            f"{where}: in no time zone is more than {best.share:.0%} of its trading in the sessions of "
            f"{sessions.exchange} (in {best.zone}); set STOCKML_EXCHANGE to the exchange of these symbols, or "
            "CSV_ZONE= (STOCKML_CSV_ZONE) to the zone of the stamps"
        )
    return sessions.zone


def _sample(naive: np.ndarray, activity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    days = naive // 86_400
    met = np.unique(days)
    chosen = met[np.linspace(0, len(met) - 1, SAMPLE).round().astype(int)] if len(met) > SAMPLE else met
    here = np.isin(days, chosen)
    return naive[here], activity[here]


def _candidates(own: str) -> list[str]:
    january = pd.Timestamp("2024-01-15 12:00", tz=own).utcoffset()
    july = pd.Timestamp("2024-07-15 12:00", tz=own).utcoffset()
    hours = min(january, july).total_seconds() / 3600 if january and july else 0.5
    fixed = [f"Etc/GMT{-int(hours):+d}"] if hours == int(hours) and hours else []
    return list(dict.fromkeys([own, *ZONES, *fixed]))


def _fit(zone: str, naive: np.ndarray, weights: np.ndarray, sides: list[np.ndarray], sessions: Sessions) -> Fit:
    seconds, known = to_utc(naive, zone)
    shares = [_share(seconds[side], (weights * known)[side], sessions) for side in sides]
    return Fit(zone, min(shares), seconds)


def _share(seconds: np.ndarray, weights: np.ndarray, sessions: Sessions) -> float:
    """Return the share of the trading in sessions; the label of a close is inside, as it may mark an end."""
    inside = (sessions.number(seconds) >= 0) | (sessions.number(seconds - MINUTE) >= 0)
    return float(weights[inside].sum() / max(weights.sum(), 1e-300))


def _sides(naive: np.ndarray, zones: list[str]) -> list[np.ndarray]:
    """Return masks of the times between which the clock of any zone is changed, all where none has enough rows.

    Clocks of two zones are often changed on different days: between these, a wrong zone shows.
    """
    days, at = np.unique(naive // 86_400, return_inverse=True)
    noons = days * 86_400 + 43_200
    offsets = np.column_stack([noons - to_utc(noons, zone)[0] for zone in zones])
    side = np.cumsum(np.append(0, (np.diff(offsets, axis=0) != 0).any(axis=1)))[at]
    found = [side == number for number in range(side.max() + 1)]
    known = [mask for mask in found if mask.sum() >= FEWEST_ROWS or len(np.unique(at[mask])) >= FEWEST_DAYS]
    return known or [np.ones(len(naive), dtype=bool)]


def _check_sides(fit: Fit, weights: np.ndarray, sides: list[np.ndarray], sessions: Sessions, where: str) -> None:
    """Refuse a zone in which an hour more or less fits better between two changes of clocks."""
    for side in sides:
        seconds, traded = fit.seconds[side], weights[side]
        share = _share(seconds, traded, sessions)
        moved, hours = max((_share(seconds + hours * 3600, traded, sessions), hours) for hours in (-1, 1))
        if moved >= share + GAIN:
            first, last = np.sort(seconds)[[0, -1]].astype("datetime64[s]").astype("datetime64[D]")
            raise AmbiguousReading(
                f"{where}: its stamps fit {fit.zone}, but from {first} to {last} they fit {hours:+d} h better "
                f"({share:.0%} of its trading is in the sessions of {sessions.exchange}, moved it would be "
                f"{moved:.0%}): its clock is changed on other days. Give stamps with offsets, or say the zone with "
                "CSV_ZONE= (STOCKML_CSV_ZONE)"
            )


def _distinct(fits: list[Fit]) -> list[Fit]:
    """Return one of those zones that read all stamps alike, the first."""
    found: list[Fit] = []
    for fit in fits:
        if not any(np.array_equal(fit.seconds, other.seconds) for other in found):
            found.append(fit)
    return found


def _ambiguous(fits: list[Fit], sessions: Sessions, where: str) -> AmbiguousReading:
    first, second = [*fits, *fits][:2]
    return AmbiguousReading(
        f"{where}: its stamps name no time zone, and two readings fit: {first.zone} ({first.share:.0%} of its trading "
        f"is in the sessions of {sessions.exchange}) and {second.zone} ({second.share:.0%}); say which with CSV_ZONE="
        f"{first.zone} or CSV_ZONE={second.zone} (STOCKML_CSV_ZONE), or give more whole sessions"
    )


def activity(values: np.ndarray) -> np.ndarray:
    """Return how much went on in each row of open to volume, (n, 5): a root, so that no block trade decides."""
    volume = np.nan_to_num(values[:, 4])
    moved = volume if (volume > 0).any() else np.nan_to_num(values[:, 1] - values[:, 2])
    return np.asarray(np.sqrt(np.maximum(moved, 0))) if (moved > 0).any() else np.ones(len(values))
