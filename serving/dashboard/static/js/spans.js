// Which minutes a range stands for: a number of bars, sessions, or all that the page holds.

import { sessionStarts } from "./chart_marks.js";
import { BAR, FORECAST } from "./rows.js";

export const MINUTE = 60_000;
export const AHEAD = 3 * MINUTE; // room to the right of the newest point
const SESSIONS = { session: 1, week: 5 };

export function spanOf(rows, range) {
  return [firstOf(rows, range), lastOf(rows)];
}

export function lastOf(rows) {
  return (rows.ahead?.[FORECAST.target] ?? rows.lastBar[BAR.ts]) + AHEAD;
}

function firstOf({ sorted: { bars }, exchange }, range) {
  const oldest = bars[0][BAR.ts];
  if (range === "all") return oldest;
  if (range in SESSIONS) return sessionStarts(bars, exchange).at(-SESSIONS[range]) ?? oldest;
  return bars[Math.max(0, bars.length - Number(range))][BAR.ts];
}
