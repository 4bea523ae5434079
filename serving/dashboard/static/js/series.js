// What is drawn: each series with its look, the rows that it shows, and the point that a row is.

import { versionChanges, withHoles } from "./chart_marks.js";
import { BAR, FORECAST } from "./rows.js";

const bars = (rows) => withHoles(rows, "bars");
const forecasts = (rows) => withHoles(rows, "forecasts");
const all = (rows) => rows.sorted.forecasts;
const late = (rows) => all(rows).filter((f) => f[FORECAST.late]);
const ahead = (rows) => (rows.ahead ? [rows.ahead] : []);
const predicted = (f) => [f[FORECAST.target], f[FORECAST.predicted]];
const flag = (f) => ({ x: f[FORECAST.target], title: `v${f[FORECAST.version]}`, text: `Model version ${f[FORECAST.version]} makes the forecasts from here` });

export const DRAWN = {
  bars: [bars, (b) => [b[BAR.ts], b[BAR.open], b[BAR.high], b[BAR.low], b[BAR.close]]],
  close: [bars, (b) => [b[BAR.ts], b[BAR.close]]],
  volume: [bars, (b) => [b[BAR.ts], b[BAR.volume]]],
  // without holes: of two columns that are grouped, Highcharts 13 moves one by the empty rows before it
  band: [all, (f) => [f[FORECAST.target], f[FORECAST.lower90], f[FORECAST.upper90]]],
  half: [all, (f) => [f[FORECAST.target], f[FORECAST.lower50], f[FORECAST.upper50]]],
  forecast: [forecasts, predicted],
  late: [late, predicted],
  ahead: [ahead, predicted],
  models: [versionChanges, flag],
};

// By view: what is on the chart. `lines` is forecast and actual close, and nothing else.
export const VIEWS = {
  candles: ["volume", "band", "half", "bars", "forecast", "late", "ahead", "models"],
  lines: ["close", "forecast", "ahead", "models"],
};

export function seriesOptions(gap) {
  const gaps = { gapSize: gap, gapUnit: "value" };
  const passive = { enableMouseTracking: false, accessibility: { enabled: false } };
  const dots = { ...passive, type: "line", lineWidth: 0, states: { hover: { lineWidthPlus: 0 } } };
  const dot = (radius) => ({ enabled: true, symbol: "circle", radius });
  const line = { type: "line", ...gaps, dataGrouping: { approximation: "close" }, marker: { enabled: false } };
  const area = { ...passive, ...gaps, type: "arearange", marker: { enabled: false } };
  return [
    { id: "volume", type: "column", name: "Volume", yAxis: 1, className: "volume", borderRadius: 0, pointPadding: 0.1, groupPadding: 0.08, accessibility: { enabled: false } },
    { ...area, id: "band", name: "90 % band", className: "band" },
    { ...area, id: "half", name: "50 % band", className: "half" },
    { id: "bars", type: "candlestick", name: "Actual", className: "bars" },
    { ...line, id: "close", name: "Actual close", className: "close" },
    { ...line, id: "forecast", name: "Forecast", className: "forecast" },
    { ...dots, id: "late", name: "Late forecasts", className: "late", marker: dot(3) },
    { ...dots, id: "ahead", name: "Next forecast", className: "ahead-point", marker: dot(4) },
    { id: "models", type: "flags", name: "Model versions", className: "models", onSeries: "forecast", shape: "squarepin", y: -34, allowOverlapX: true, dataGrouping: { enabled: false } },
  ];
}
