// What the chart shows as a table, newest first.

import { basisPoints, count, price } from "./format.js";
import { BAR, FORECAST } from "./rows.js";
import { put, VirtualRows } from "./virtual_rows.js";

const HEIGHT = 30; // pixels, as in the style sheet
const COLUMNS = 11;

export class Table {
  constructor(place) {
    this.rows = new VirtualRows(place, { height: HEIGHT, make, fill: (row, item) => this.fill(row, item) });
  }

  // All minutes of a span that have a bar or a forecast.
  show(rows, [from, to], clock) {
    this.clock = clock;
    const minutes = new Set([...rows.bars.keys(), ...rows.forecasts.keys()]);
    const shown = [...minutes].filter((ts) => ts >= from && ts <= to).sort((a, b) => b - a);
    this.rows.show(shown.map((ts) => ({ ts, bar: rows.bars.get(ts), forecast: rows.forecasts.get(ts) })));
  }

  fill(row, { ts, bar, forecast }) {
    const cells = row.cells;
    put(cells[0], `${this.clock.day(ts)}, ${this.clock.minute(ts)}`);
    [BAR.open, BAR.high, BAR.low, BAR.close].forEach((field, i) => put(cells[i + 1], bar ? price(bar[field]) : ""));
    put(cells[5], bar ? volume(bar) : "");
    put(cells[6], forecast ? price(forecast[FORECAST.predicted]) : "", "ahead");
    put(cells[7], forecast ? `${price(forecast[FORECAST.lower50])} to ${price(forecast[FORECAST.upper50])}` : "");
    put(cells[8], forecast ? `${price(forecast[FORECAST.lower90])} to ${price(forecast[FORECAST.upper90])}` : "");
    put(cells[9], bar && !bar[BAR.outlier] && forecast ? basisPoints(forecast[FORECAST.predicted] / bar[BAR.close] - 1) : "");
    put(cells[10], forecast ? `${forecast[FORECAST.version]}${forecast[FORECAST.late] ? ", late" : ""}` : "");
  }
}

const volume = (bar) => (bar[BAR.filled] ? "no trade" : `${count(bar[BAR.volume])}${bar[BAR.outlier] ? ", outlier" : ""}${bar[BAR.revision] ? ", corrected" : ""}`);

function make() {
  const row = document.createElement("tr");
  const time = document.createElement("th");
  time.scope = "row";
  row.append(time, ...Array.from({ length: COLUMNS - 1 }, () => document.createElement("td")));
  return row;
}
