// The chart: candles of what came, and the forecast as a line at the minute that it is for.

import { BAR, FORECAST } from "./rows.js";

const MINUTE = 60_000;
const AHEAD = 3 * MINUTE; // room to the right of the newest point

const bars = (rows) => rows.sorted.bars;
const forecasts = (rows) => rows.sorted.forecasts;
const predicted = (f) => [f[FORECAST.target], f[FORECAST.predicted]];
// by series: the rows that it draws, and the point that a row is
const DRAWN = {
  bars: [bars, (b) => [b[BAR.ts], b[BAR.open], b[BAR.high], b[BAR.low], b[BAR.close]]],
  volume: [bars, (b) => [b[BAR.ts], b[BAR.volume]]],
  band: [forecasts, (f) => [f[FORECAST.target], f[FORECAST.lower90], f[FORECAST.upper90]]],
  forecast: [forecasts, predicted],
  late: [(rows) => forecasts(rows).filter((f) => f[FORECAST.late]), predicted],
  ahead: [(rows) => (rows.ahead ? [rows.ahead] : []), predicted],
};

function seriesOptions(gap) {
  const gaps = { gapSize: gap, gapUnit: "value" };
  const dots = { lineWidth: 0, states: { hover: { lineWidthPlus: 0 } }, enableMouseTracking: false, accessibility: { enabled: false } };
  return [
    { id: "volume", type: "column", name: "Volume", yAxis: 1, className: "volume", borderRadius: 0, pointPadding: 0.1, groupPadding: 0.08, accessibility: { enabled: false } },
    { id: "band", type: "arearange", name: "90 % band", className: "band", ...gaps, marker: { enabled: false }, enableMouseTracking: false, accessibility: { enabled: false } },
    { id: "bars", type: "candlestick", name: "Actual", className: "bars" },
    { id: "forecast", type: "line", name: "Forecast", className: "forecast", ...gaps, dataGrouping: { approximation: "close" }, marker: { enabled: false } },
    { id: "late", type: "line", name: "Late forecasts", className: "late", ...dots, marker: { enabled: true, symbol: "circle", radius: 3 } },
    { id: "ahead", type: "line", name: "Next forecast", className: "ahead-point", ...dots, marker: { enabled: true, symbol: "circle", radius: 4 } },
  ];
}

function options(zone, gap, hear) {
  return {
    chart: {
      styledMode: true,
      animation: false,
      spacing: [4, 2, 6, 8],
      zooming: { type: undefined, pinchType: "x", mouseWheel: { enabled: true, type: "x" } },
      panning: { enabled: true, type: "x" },
    },
    time: { timezone: zone },
    lang: { locale: "en-GB" }, // 24 hours, as in the rest of the page
    credits: { enabled: false }, // named in the page's foot
    navigator: { enabled: false },
    scrollbar: { enabled: false },
    rangeSelector: { enabled: false },
    legend: { enabled: false },
    title: { text: undefined },
    accessibility: { description: "Candles of the actual price each minute, and the forecast of each close with its 90 % band, at the minute it is for." },
    // the readout above the chart takes the place of a tooltip that hides candles
    tooltip: { split: false, shared: true, formatter() { hear.point(this.x); return false; } },
    xAxis: {
      ordinal: true,
      minRange: 5 * MINUTE,
      overscroll: AHEAD,
      tickPixelInterval: 90,
      crosshair: true,
      events: { afterSetExtremes: (event) => event.trigger && hear.moved(event) },
    },
    yAxis: [
      { height: "82%", labels: { align: "left", x: 6, y: 4, format: "{value:,.2f}" }, crosshair: { snap: false }, tickPixelInterval: 52, startOnTick: false, endOnTick: false, maxPadding: 0.06, minPadding: 0.06 },
      { top: "86%", height: "14%", labels: { enabled: false }, tickAmount: 2, endOnTick: false },
    ],
    plotOptions: {
      series: { animation: false, turboThreshold: 0, states: { inactive: { enabled: false } }, dataGrouping: { groupPixelWidth: 5, units: [["minute", [1, 2, 5, 15, 30]], ["hour", [1]], ["day", [1]]] } },
    },
    series: seriesOptions(gap),
  };
}

export class Chart {
  // `hear` has point(ts) when the cursor is at a minute, and following(yes) when a person moves away or back.
  constructor(place, { zone, gap, clock }, hear) {
    this.clock = clock;
    this.range = "120";
    this.follow = true;
    this.shown = {};
    this.hear = hear;
    this.highcharts = window.Highcharts.stockChart(place, options(zone, gap, { point: hear.point, moved: (event) => this.moved(event) }));
  }

  show(rows) {
    this.rows = rows;
    for (const id of Object.keys(DRAWN)) this.draw(id);
    this.markSessions();
    if (this.follow) this.frame();
    this.highcharts.redraw(false);
  }

  // Whether a candle on the screen stands for more than a minute.
  get grouped() {
    return Boolean(this.highcharts.get("bars").currentDataGrouping);
  }

  // Add what is new at the end; only where an earlier row changed is the series made anew, which costs much more.
  draw(id) {
    const [select, point] = DRAWN[id];
    const [rows, before, series] = [select(this.rows), this.shown[id] ?? [], this.highcharts.get(id)];
    this.shown[id] = rows;
    const grown = before.length > 0 && before.length <= rows.length && before.every((row, i) => row === rows[i]);
    if (!grown) series.setData(rows.map(point), false, false, false);
    else for (const row of rows.slice(before.length)) series.addPoint(point(row), false, false, false);
  }

  choose(range) {
    this.range = range;
    this.setFollow(true);
    if (this.rows) this.goToLatest();
  }

  goToLatest() {
    if (!this.rows.sorted.bars.length) return;
    this.setFollow(true);
    this.frame();
    this.highcharts.redraw(false);
  }

  frame() {
    this.highcharts.xAxis[0].setExtremes(this.first(this.rows.sorted.bars), this.last(), false, false);
  }

  first(bars) {
    if (this.range === "all") return bars[0][BAR.ts];
    if (this.range === "session") return this.sessionStarts().at(-1) ?? bars[0][BAR.ts];
    return bars[Math.max(0, bars.length - Number(this.range))][BAR.ts];
  }

  last() {
    return (this.rows.ahead?.[FORECAST.target] ?? this.rows.lastBar[BAR.ts]) + AHEAD;
  }

  // Each session's first bar: where the exchange's date changes.
  sessionStarts() {
    const days = this.rows.sorted.bars.map((bar) => [bar[BAR.ts], Math.floor(bar[BAR.ts] / MINUTE / 60 / 12)]);
    const candidates = days.filter(([, half], i) => i === 0 || half !== days[i - 1][1]).map(([ts]) => ts);
    return candidates.filter((ts, i) => i === 0 || this.clock.date(ts) !== this.clock.date(candidates[i - 1]));
  }

  markSessions() {
    const plotLines = this.sessionStarts().slice(1).map((ts) => ({ value: ts, className: "session", label: { text: this.clock.day(ts), rotation: 0, y: 12, x: 4 } }));
    const names = plotLines.map((mark) => mark.value).join();
    if (names === this.marked) return;
    this.marked = names;
    this.highcharts.xAxis[0].update({ plotLines }, false);
  }

  moved(event) {
    this.setFollow(event.max >= this.last() - AHEAD - MINUTE / 2);
  }

  setFollow(follow) {
    if (follow === this.follow) return;
    this.follow = follow;
    this.hear.following(follow);
  }
}
