// What is marked on the chart: sessions, closed hours, minutes without bars, and where the model changed.

import { BAR, FORECAST } from "./rows.js";

const MINUTE = 60_000;
const HALF_DAY = 720 * MINUTE;
const NAMED = 15 * MINUTE; // a shorter gap has no room for words

const holes = new Map(); // cached, so that an empty minute is the same row each time

function hole(ts) {
  if (!holes.has(ts)) holes.set(ts, [ts, ...Array(8).fill(null)]);
  return holes.get(ts);
}

// The rows of a table, and an empty one for each that is missing while bars were: no line is drawn over them, and their
// place on the axis stays.
export function withHoles(all, table) {
  const { [table]: rows, sorted, exchange } = all;
  const found = [];
  for (const { from, to, closed } of breaks(sorted.bars, exchange)) {
    for (let ts = from + MINUTE; ts < to && !closed; ts += MINUTE) if (!rows.has(ts)) found.push(hole(ts));
  }
  return found.length ? [...sorted[table], ...found].sort((a, b) => a[0] - b[0]) : sorted[table];
}

// Where minutes have no bar: from the bar before to the one after; closed where the exchange's day changed between.
export function breaks(bars, exchange) {
  const found = [];
  for (let i = 1; i < bars.length; i += 1) {
    const [from, to] = [bars[i - 1][BAR.ts], bars[i][BAR.ts]];
    if (to - from > MINUTE) found.push({ from, to, closed: exchange.date(from) !== exchange.date(to) });
  }
  return found;
}

// Each session's first bar: where the exchange's date changes.
export function sessionStarts(bars, exchange) {
  const half = (bar) => Math.floor(bar[BAR.ts] / HALF_DAY); // dates are slow to compute: only twice a day
  const candidates = bars.filter((bar, i) => i === 0 || half(bar) !== half(bars[i - 1])).map((bar) => bar[BAR.ts]);
  return candidates.filter((ts, i) => i === 0 || exchange.date(ts) !== exchange.date(candidates[i - 1]));
}

// The first forecast of each version but the oldest shown.
export function versionChanges({ sorted }) {
  return sorted.forecasts.filter((f, i, all) => i > 0 && f[FORECAST.version] !== all[i - 1][FORECAST.version]);
}

export function plotLines(rows, clock) {
  return sessionStarts(rows.sorted.bars, rows.exchange).slice(1).map((ts) => ({
    value: ts, className: "session", label: { text: clock.day(ts), rotation: 0, y: 12, x: 4 },
  }));
}

export function plotBands(rows, named) {
  return breaks(rows.sorted.bars, rows.exchange).map(({ from, to, closed }) => ({
    from, to, className: closed ? "closed" : "gap",
    label: !closed && named && to - from >= NAMED ? { text: `${Math.round((to - from) / MINUTE) - 1} min gap`, y: 30, rotation: 0 } : {},
  }));
}
