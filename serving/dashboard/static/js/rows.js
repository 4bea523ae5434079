// The rows of one symbol. A row that is sent again replaces the first. Outliers are in the table, and under the cursor;
// the chart and all figures are made of the other bars.

export const BAR = { ts: 0, open: 1, high: 2, low: 3, close: 4, volume: 5, filled: 6, outlier: 7, revision: 8 };
export const FORECAST = { target: 0, predicted: 1, lower50: 2, upper50: 3, lower90: 4, upper90: 5, version: 6, bar: 7, late: 8 };
export const SOME = 1950; // five sessions; a page kept open for a month must not grow for ever
export const MANY = 20_000; // as many as `/data` returns
const SLACK = 390; // the oldest go a session at a time, so that a new row seldom moves all others

export class Rows {
  // `exchange` returns the exchange's dates, whatever zone is shown.
  constructor(exchange, most = SOME) {
    Object.assign(this, { exchange, most });
    this.bars = new Map();
    this.forecasts = new Map();
    this.sorted = { bars: [], forecasts: [] };
  }

  // Returns whether anything is new.
  merge(answer) {
    if (answer.whole) {
      this.bars.clear();
      this.forecasts.clear();
    }
    const news = [put(this.bars, answer.bars), put(this.forecasts, answer.forecasts), answer.whole];
    if (!news.some(Boolean)) return false;
    const bars = newest(this.bars, this.most).filter((bar) => !bar[BAR.outlier]);
    this.sorted = { bars, forecasts: newest(this.forecasts, this.most) };
    return true;
  }

  get lastBar() {
    return this.sorted.bars.at(-1);
  }

  // The official close of the session that is over, once its auction's price came; null while a newer bar is there.
  officialClose(state) {
    const official = state?.official_close;
    return official && this.lastBar && official.ts > this.lastBar[BAR.ts] ? official : null;
  }

  // The forecast of a minute that is not known yet.
  get ahead() {
    const row = this.sorted.forecasts.at(-1);
    return row && (!this.lastBar || row[FORECAST.target] > this.lastBar[BAR.ts]) ? row : undefined;
  }
}

function put(map, rows) {
  let news = false;
  for (const row of rows) {
    const before = map.get(row[0]);
    if (before && before.every((value, i) => value === row[i])) continue;
    map.set(row[0], row);
    news = true;
  }
  return news;
}

function newest(map, most) {
  const rows = [...map.values()].sort((a, b) => a[0] - b[0]);
  if (rows.length > most + SLACK) for (const row of rows.splice(0, rows.length - most)) map.delete(row[0]);
  return rows;
}
