// The line above the chart: what stands at the minute under the cursor, else the newest.

import { basisPoints, count, price } from "./format.js";
import { BAR, FORECAST } from "./rows.js";

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
  return [...prices, bar[BAR.filled] ? piece("no trade", "") : piece("Vol", count(bar[BAR.volume]))];
}

function forecastPieces(forecast, bar) {
  const pieces = [
    piece("Forecast", price(forecast[FORECAST.predicted]), "ahead"),
    piece("50 %", `${price(forecast[FORECAST.lower50])} to ${price(forecast[FORECAST.upper50])}`),
    piece("90 %", `${price(forecast[FORECAST.lower90])} to ${price(forecast[FORECAST.upper90])}`),
  ];
  if (bar) pieces.push(piece("Error", basisPoints(forecast[FORECAST.predicted] / bar[BAR.close] - 1)));
  if (forecast[FORECAST.late]) pieces.push(piece("late,", "not scored"));
  return [...pieces, piece("Model", forecast[FORECAST.version])];
}

export function showReadout(rows, ts, clock) {
  const [bar, forecast] = [rows.bars.get(ts), rows.forecasts.get(ts)];
  if (!bar && !forecast) return place().replaceChildren();
  const when = piece(`${clock.day(ts)}, ${clock.minute(ts)}`, "");
  place().replaceChildren(when, ...(bar ? barPieces(bar) : []), ...(forecast ? forecastPieces(forecast, bar) : []));
}
