"""Evaluate live forecasts: the monitoring report, and the limit that it breaches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.evaluation.reference_profile import Drift

Floats = NDArray[np.float64]
Kind = Literal["skill", "coverage", "drift"]
MIN_FORECASTS = 1500  # forecasts; the 90 % interval's coverage then has a standard error below 0.8 %
MIN_MADE = 30  # forecasts; of fewer the share of late ones says little
SIGNIFICANCE = 3.0  # standard errors by which a model must be behind the last price


@dataclass(frozen=True, eq=False)
class MinuteErrors:
    """Hold the errors of one version's forecasts by minute, over all symbols forecast in it, all (n,).

    `model` and `persistence` are mean absolute errors in basis points of log return, `inside_…` and `forecasts` counts.
    """

    model: Floats
    persistence: Floats
    inside_50: Floats
    inside_90: Floats
    inside_99: Floats
    forecasts: Floats


class Timeliness(NamedTuple):
    """Count one version's forecasts with a known outcome, and those of them that are late and so do not count."""

    made: int
    late: int


class MonitoringReport(NamedTuple):
    """Report how the serving version does; `behind` is in standard errors, None where there is no spread.

    `forecasts` counts those that count; without any there are no errors and no coverage. `drift` is each feature's PSI,
    `unusual` its excess over the worst of as many sessions trained on. `late` is the share of late forecasts among
    those `made`; `alarm` says in words that it is too large.
    """

    model_version: str
    forecasts: int
    mae_bp: float | None
    persistence_bp: float | None
    skill: float | None
    behind: float | None
    coverage_50: float | None
    coverage_90: float | None
    coverage_99: float | None
    drift: dict[str, float]
    unusual: dict[str, float]
    made: int = 0
    late: float = 0.0
    alarm: str | None = None


class Limits(NamedTuple):
    """Bound what is tolerated: skill from below, coverage's distance from 90 %, and unusual drift (PSI) from above."""

    skill: float
    coverage: float
    drift: float


class LimitBreach(NamedTuple):
    """Name the kind of limit that a report breaches, and the reason in words."""

    kind: Kind
    reason: str


class Alert(NamedTuple):
    """Hold an alert: `raised_at` by the wall, `market_at` by the Clock, in UTC epoch seconds."""

    kind: str
    reason: str
    model_version: str
    raised_at: float
    market_at: float


def monitoring_report(
    version: str, minutes: MinuteErrors, drift: Mapping[str, Drift], timeliness: Timeliness
) -> MonitoringReport | None:
    """Return the report on a version, None where nothing that it forecast has an outcome yet."""
    if timeliness.made == 0:
        return None
    psi, excess = ({name: found[part] for name, found in drift.items()} for part in (0, 1))
    late = timeliness.late / timeliness.made
    return MonitoringReport(version, *_errors(minutes), psi, excess, timeliness.made, late)


class _Errors(NamedTuple):
    forecasts: int
    mae_bp: float | None = None
    persistence_bp: float | None = None
    skill: float | None = None
    behind: float | None = None
    coverage_50: float | None = None
    coverage_90: float | None = None
    coverage_99: float | None = None


def _errors(minutes: MinuteErrors) -> _Errors:
    total = float(minutes.forecasts.sum())
    if total == 0:
        return _Errors(0)
    model, persistence = (
        float(np.average(part, weights=minutes.forecasts)) for part in (minutes.model, minutes.persistence)
    )
    skill = 1 - model / persistence if persistence > 0 else 0.0
    inside = (minutes.inside_50, minutes.inside_90, minutes.inside_99)
    coverages = (float(part.sum()) / total for part in inside)
    return _Errors(int(total), model, persistence, skill, _t_statistic(minutes), *coverages)


def _t_statistic(minutes: MinuteErrors) -> float | None:
    """Return the t statistic of model minus persistence; a minute is one number, for symbols move together."""
    worse = minutes.model - minutes.persistence
    spread = float(np.std(worse, ddof=1)) if len(worse) > 1 else 0.0
    return float(np.mean(worse)) / spread * len(worse) ** 0.5 if spread > 0 else None


def limit_breach(report: MonitoringReport, limits: Limits) -> LimitBreach | None:
    """Return the gravest breach of a limit, None where all is within the limits or too little is known."""
    if report.forecasts < MIN_FORECASTS or report.skill is None or report.coverage_90 is None:
        return None
    subject = f"version {report.model_version} over {report.forecasts} forecasts"
    if report.skill < limits.skill and (report.behind or 0.0) > SIGNIFICANCE:
        return LimitBreach("skill", f"skill {report.skill:.1%} of {subject} is below {limits.skill:.1%}, and no chance")
    if abs(report.coverage_90 - 0.9) > limits.coverage:
        return LimitBreach("coverage", f"the 90 % interval of {subject} covered {report.coverage_90:.1%}")
    return _drift_breach(report.unusual, limits.drift, subject)


def late_alarm(report: MonitoringReport, limit: float) -> str | None:
    """Return in words that the share of late forecasts is above a limit, None where it is not or little is known."""
    if report.made < MIN_MADE or report.late <= limit:
        return None
    return (
        f"{report.late:.0%} of {report.made} forecasts of version {report.model_version} were made when the feed could "
        f"have shown their outcome: they do not count, and at most {limit:.0%} may be so. See whether the feed is "
        "delayed (STOCKML_FEED_DELAY), and how far the consumer is behind"
    )


def _drift_breach(unusual: Mapping[str, float], limit: float, subject: str) -> LimitBreach | None:
    names = sorted((name for name in unusual if unusual[name] > limit), key=unusual.__getitem__, reverse=True)
    if not names:
        return None
    far = ", ".join(f"{name} by {unusual[name]:.2f}" for name in names)
    return LimitBreach("drift", f"features of {subject} are further from those trained on than those were (PSI): {far}")
