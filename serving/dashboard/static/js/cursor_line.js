// The line above the chart: bar and forecast at the point under the cursor, else at the newest minute. A point far out is
// several minutes: their bars as one, and the forecast of the last of them, where the line is drawn.

import { basisPoints, count, price } from "./format.js";
import { BAR, FORECAST } from "./rows.js";
import { MINUTE } from "./spans.js";

const place = () => document.getElementById("readout");

function piece(label, value, kind) {
  const element = document.createElement("span");
  if (kind) element.className = kind;
  const name = document.createElement("b");
  name.textContent = label;
  element.append(name, ` ${value}`);
  return element;
}

function barPieces(bar) {
  const kind = bar[BAR.close] >= bar[BAR.open] ? "up" : "down";
  const prices = [["O", BAR.open], ["H", BAR.high], ["L", BAR.low], ["C", BAR.close]].map(([label, i]) => piece(label, price(bar[i]), kind));
  if (bar[BAR.revision]) prices.push(piece("corrected", bar[BAR.revision] === 1 ? "once" : `${bar[BAR.revision]} times`));
  if (bar[BAR.outlier]) prices.push(piece("outlier,", "not used"));
  return [...prices, bar[BAR.filled] ? piece("no trade", "") : piece("Vol", count(bar[BAR.volume]))];
}

// The bars of some minutes as one, of outliers only where there is nothing else.
function merged(all) {
  const usual = all.filter((bar) => !bar[BAR.outlier]);
  const bars = usual.length ? usual : all;
  if (bars.length < 2) return bars[0];
  const row = [...bars[0]];
  row[BAR.high] = Math.max(...bars.map((bar) => bar[BAR.high]));
  row[BAR.low] = Math.min(...bars.map((bar) => bar[BAR.low]));
  row[BAR.close] = bars.at(-1)[BAR.close];
  row[BAR.volume] = bars.reduce((sum, bar) => sum + bar[BAR.volume], 0);
  row[BAR.revision] = Math.max(...bars.map((bar) => bar[BAR.revision]));
  row[BAR.filled] = bars.every((bar) => bar[BAR.filled]);
  return row;
}

function forecastPieces(forecast, bar, label) {
  const pieces = [
    piece(label, price(forecast[FORECAST.predicted]), "ahead"),
    piece("50 %", `${price(forecast[FORECAST.lower50])} to ${price(forecast[FORECAST.upper50])}`),
    piece("90 %", `${price(forecast[FORECAST.lower90])} to ${price(forecast[FORECAST.upper90])}`),
  ];
  if (bar && !bar[BAR.outlier]) pieces.push(piece("Error", basisPoints(forecast[FORECAST.predicted] / bar[BAR.close] - 1)));
  if (forecast[FORECAST.late]) pieces.push(piece("late,", "not scored"));
  return [...pieces, piece("Model", forecast[FORECAST.version])];
}

function within(map, ts, width) {
  const found = [];
  for (let at = ts; at < ts + width; at += MINUTE) if (map.has(at)) found.push(map.get(at));
  return found;
}

export function showReadout(rows, { ts, width }, clock) {
  const [bars, forecasts] = [within(rows.bars, ts, width), within(rows.forecasts, ts, width)];
  if (!bars.length && !forecasts.length) return place().replaceChildren();
  const minutes = [...bars, ...forecasts].map((row) => row[0]);
  const [first, last] = [Math.min(...minutes), Math.max(...minutes)];
  const until = last > first ? ` to ${clock.near(last, first)}` : "";
  place().replaceChildren(piece(`${clock.day(first)}, ${clock.minute(first)}${until}`, ""), ...pieces(rows, bars, forecasts, clock));
}

function pieces(rows, bars, forecasts, clock) {
  const found = bars.length ? barPieces(merged(bars)) : [];
  const forecast = forecasts.at(-1);
  if (!forecast) return found;
  const target = forecast[FORECAST.target];
  const label = bars.length && target !== bars.at(-1)[BAR.ts] ? `Forecast for ${clock.minute(target)}` : "Forecast";
  return [...found, ...forecastPieces(forecast, rows.bars.get(target), label)];
}
