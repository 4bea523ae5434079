// The chart: candles of what came, and the forecast as a line at the minute that it is for.

import { BAR, FORECAST } from "./rows.js";

const MINUTE = 60_000;
const AHEAD = 3 * MINUTE; // room to the right of the newest point

const candles = (rows) => rows.sorted.bars.map((b) => [b[BAR.ts], b[BAR.open], b[BAR.high], b[BAR.low], b[BAR.close]]);
const volumes = (rows) => rows.sorted.bars.map((b) => [b[BAR.ts], b[BAR.volume]]);
const line = (rows) => rows.sorted.forecasts.map((f) => [f[FORECAST.target], f[FORECAST.predicted]]);
const band = (rows) => rows.sorted.forecasts.map((f) => [f[FORECAST.target], f[FORECAST.lower90], f[FORECAST.upper90]]);
const late = (rows) => rows.sorted.forecasts.filter((f) => f[FORECAST.late]).map((f) => [f[FORECAST.target], f[FORECAST.predicted]]);
const ahead = (rows) => (rows.ahead ? [[rows.ahead[FORECAST.target], rows.ahead[FORECAST.predicted]]] : []);
const DATA = { bars: candles, volume: volumes, band, forecast: line, late, ahead };

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
    this.hear = hear;
    this.highcharts = window.Highcharts.stockChart(place, options(zone, gap, { point: hear.point, moved: (event) => this.moved(event) }));
  }

  show(rows) {
    this.rows = rows;
    for (const [id, data] of Object.entries(DATA)) this.highcharts.get(id).setData(data(rows), false, false, false);
    this.markSessions();
    this.highcharts.redraw(false);
    if (this.follow) this.goToLatest();
  }

  choose(range) {
    this.range = range;
    this.setFollow(true);
    if (this.rows) this.goToLatest();
  }

  goToLatest() {
    const { bars } = this.rows.sorted;
    if (!bars.length) return;
    this.setFollow(true);
    this.highcharts.xAxis[0].setExtremes(this.first(bars), this.last(), true, false);
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
