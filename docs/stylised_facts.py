"""Draw what the sandbox's markets look like, and print the figures of docs/sandbox.md: `make facts`."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.oracle import best
from benchmarks.oracle.skill import errors
from sandbox.market import KINDS, Market
from stock_ml.domain.calendar import sessions
from stock_ml.source_plugins import FIVE

XNYS = sessions("XNYS")
FIRST = int(np.searchsorted(XNYS.dates, np.datetime64("2024-01-02")))
NUMBERS = range(FIRST, FIRST + 120)
SEED, MINUTES = 7, 390
INK, COLOURS = "#3b4453", {"realistic": "#5743d6", "random_walk": "#8a94a6", "strong": "#0a7f63"}


def main() -> None:
    """Write docs/stylised_facts.png, and print the figures."""
    markets = {name: Market(SEED, XNYS, kind) for name, kind in KINDS.items()}
    found = {name: np.stack([table(market, symbol) for symbol in FIVE]) for name, market in markets.items()}
    skills = {name: skill(market) for name, market in markets.items()}
    draw(found, skills)
    Console().print(figures(found, skills))


def table(market: Market, symbol: str) -> np.ndarray:
    """Return one-minute log returns and volumes of whole sessions, (2, sessions, minutes), NaN where there is none."""
    bars = market.regular(symbol, NUMBERS)
    found = np.full((2, len(NUMBERS), MINUTES), np.nan)
    at = XNYS.number(bars.ts) - FIRST, XNYS.minute(bars.ts)
    found[0][at], found[1][at] = np.log(bars.values[:, 3]), bars.values[:, 4]
    found[0, :, 1:] = np.diff(found[0], axis=1)
    found[0, :, 0] = np.nan
    return found


def skill(market: Market) -> tuple[float, float, int]:
    """Return the best forecast's skill, its standard error over sessions, and the number of rows."""
    sums, rows = np.zeros((len(NUMBERS), 2)), 0
    for symbol in FIVE:
        bars = market.regular(symbol, NUMBERS)
        forecast, number = best(market, symbol, bars), XNYS.number(bars.ts) - FIRST
        for session in range(len(NUMBERS)):
            each = number == session
            judged = errors(XNYS, type(bars)(bars.ts[each], bars.values[each]), forecast[each])
            sums[session] += judged.mean(axis=0)
            rows += len(judged)
    ours, last = sums.mean(axis=0)
    spread = np.std(sums[:, 0] - ours / last * sums[:, 1], ddof=1) / np.sqrt(len(sums)) / last
    return float(1 - ours / last), float(spread), rows


def sizes(found: np.ndarray) -> np.ndarray:
    """Return absolute returns without the U shape, (symbols, sessions, minutes)."""
    size = np.abs(found[:, 0])
    size[:, :, 1:] /= np.nanmean(size[:, :, 1:], axis=(0, 1))
    return np.asarray(size)


def autocorrelation(x: np.ndarray, lag: int) -> float:
    """Return the correlation of values `lag` apart within rows; NaN is left out."""
    a, b = x[..., :-lag].ravel(), x[..., lag:].ravel()
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[both], b[both])[0, 1])


def standard(found: np.ndarray) -> np.ndarray:
    """Return all returns of all symbols, each symbol's of variance 1."""
    each = [r[np.isfinite(r)] for r in found[:, 0].reshape(len(FIVE), -1)]
    return np.concatenate([r / r.std() for r in each])


def draw(found: dict[str, np.ndarray], skills: dict[str, tuple[float, float, int]]) -> None:
    """Draw six panels on a ground of their own, so that they can be read on light and dark pages."""
    mpl.rcParams |= {"font.size": 8, "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK}
    mpl.rcParams |= {"xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False}
    figure = Figure(figsize=(10, 5.6), layout="constrained", facecolor="white")
    figure.suptitle(
        f"The sandbox's markets: simulated minutes of {len(FIVE)} symbols, {len(NUMBERS)} sessions", size=10
    )
    axes = figure.subplots(2, 3).ravel()
    draw_tails(axes[0], standard(found["realistic"]))
    draw_memory(axes[1], axes[2], found)
    draw_shape(axes[3], axes[4], found["realistic"])
    draw_skill(axes[5], skills)
    figure.savefig(Path(__file__).with_name("stylised_facts.png"), dpi=110)


def draw_tails(axes: Axes, returns: np.ndarray) -> None:
    edges = np.linspace(-8, 8, 81)
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.histogram(returns, edges, density=True)[0]
    axes.semilogy(middle, np.where(density > 0, density, np.nan), color=COLOURS["realistic"], label="realistic")
    axes.semilogy(middle, np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi), color=INK, ls="--", lw=1, label="normal")
    axes.set(title="Returns of a minute have fat tails", xlabel="standard deviations", ylabel="density", ylim=(1e-6, 1))
    axes.legend(frameon=False)


def draw_memory(plain: Axes, absolute: Axes, found: dict[str, np.ndarray]) -> None:
    short, long = range(1, 11), [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
    for name, each in found.items():
        plain.plot(
            short, [autocorrelation(each[:, 0], lag) for lag in short], "o-", ms=3, color=COLOURS[name], label=name
        )
        size = sizes(each)
        absolute.plot(long, [autocorrelation(size, lag) for lag in long], "o-", ms=3, color=COLOURS[name], label=name)
    plain.set(title="The bounce turns returns back", xlabel="lag, minutes", ylabel="autocorrelation of returns")
    absolute.set(
        title="Volatility comes in clusters", xlabel="lag, minutes", ylabel="autocorrelation of sizes", ylim=(0, None)
    )
    plain.legend(frameon=False)


def draw_shape(volatility: Axes, volume: Axes, found: np.ndarray) -> None:
    minutes = np.arange(1, MINUTES)
    volatility.plot(minutes, 1e4 * np.nanstd(found[:, 0, :, 1:], axis=(0, 1)), color=COLOURS["realistic"], lw=1)
    volume.semilogy(np.arange(MINUTES), np.nanmean(found[:, 1], axis=(0, 1)), color=COLOURS["realistic"], lw=1)
    volatility.set(title="Volatility over a session", xlabel="minute", ylabel="basis points", ylim=(0, None))
    volume.set(title="Volume over a session, auctions at its ends", xlabel="minute", ylabel="shares a minute")


def draw_skill(axes: Axes, skills: dict[str, tuple[float, float, int]]) -> None:
    for name, (value, error, _) in skills.items():
        axes.bar(name, 100 * value, yerr=100 * error, color=COLOURS[name], ecolor=INK)
        axes.annotate(f"{100 * value:.1f} %", (name, 100 * value), (0, 6), textcoords="offset points", ha="center")
    axes.set(title="Skill of the best forecast", ylabel="skill against the last price, %", ylim=(0, 14))


def figures(found: dict[str, np.ndarray], skills: dict[str, tuple[float, float, int]]) -> Table:
    """Return the figures as a table."""
    shown = Table("market", "kurtosis", "autocorrelation, lag 1", "of sizes, lag 1", "skill, %", "error", "rows")
    for name, each in found.items():
        value, error, rows = skills[name]
        memory = autocorrelation(each[:, 0], 1), autocorrelation(sizes(each), 1)
        numbers = [f"{np.mean(standard(each) ** 4):.1f}", *(f"{m:.3f}" for m in memory)]
        shown.add_row(name, *numbers, f"{100 * value:.2f}", f"{100 * error:.2f}", f"{rows:,}")
    return shown


if __name__ == "__main__":
    main()
