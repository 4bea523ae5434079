// The chart: candles of the bars, and the forecast as a line at the minute that it is for.

import { plotBands, plotLines } from "./chart_marks.js";
import { BAR } from "./rows.js";
import { DRAWN, seriesOptions, VIEWS } from "./series.js";
import { AHEAD, lastOf, MINUTE, spanOf } from "./spans.js";

const WIDE = 640; // pixels that words in a gap need
const ANNOUNCE_EVERY = 60_000; // new points are announced to screen readers once a minute

// How long a point on the screen is, in milliseconds.
function widthOf({ currentDataGrouping: group }) {
  return group ? group.unitRange * group.count : MINUTE;
}

function options(zone, gap, on) {
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
    accessibility: {
      enabled: false, // until the first chart is painted: to describe it takes longer than to draw it
      description: "Candles of the actual price each minute, and the forecast of each close with its 50 % and 90 % bands, at the minute it is for. Flags stand where the model changed.",
      announceNewData: { enabled: true, minAnnounceInterval: ANNOUNCE_EVERY, announcementFormatter: () => on.announcement() },
    },
    // the readout above the chart takes the place of a tooltip that hides candles
    tooltip: { split: false, shared: true, formatter() { on.point(this.x, widthOf(this.series)); return false; } },
    xAxis: {
      ordinal: true,
      minRange: 5 * MINUTE,
      overscroll: AHEAD,
      tickPixelInterval: 90,
      crosshair: { label: { enabled: true, formatter: (ts) => on.time(ts) } },
      events: { afterSetExtremes: (event) => event.trigger && on.moved(event) },
    },
    yAxis: [
      { height: "82%", labels: { align: "left", x: 6, y: 4, format: "{value:,.2f}" }, crosshair: { snap: false, label: { enabled: true, format: "{value:,.2f}" } }, tickPixelInterval: 52, startOnTick: false, endOnTick: false, maxPadding: 0.12, minPadding: 0.06 },
      { top: "86%", height: "14%", labels: { enabled: false }, tickAmount: 2, endOnTick: false },
    ],
    plotOptions: {
      series: { animation: false, turboThreshold: 0, states: { inactive: { enabled: false } }, dataGrouping: { groupPixelWidth: 5, units: [["minute", [1, 2, 5, 15, 30]], ["hour", [1]], ["day", [1]]] } },
    },
    series: seriesOptions(gap),
  };
}

export class Chart {
  // `on` has point(ts, width) when the cursor is at a point of so many milliseconds, following(yes) when a person moves away or back, framed(from, to)
  // when another span is shown, and announcement(), which returns the words for a screen reader.
  constructor(place, { zone, gap, clock }, on) {
    Object.assign(this, { clock, on, range: "120", view: "candles", follow: true, shown: {} });
    const own = { ...on, moved: (event) => this.moved(event), time: (ts) => this.clock.near(ts, this.rows?.lastBar?.[BAR.ts]) };
    this.highcharts = window.Highcharts.stockChart(place, options(zone, gap, own));
  }

  // From now on the chart is described to screen readers, and reached by keys.
  describe() {
    this.highcharts.update({ accessibility: { enabled: true } });
  }

  show(rows) {
    this.rows = rows;
    for (const id of VIEWS[this.view]) this.draw(id);
    this.mark();
    if (this.follow) this.frame();
    this.highcharts.redraw(false);
  }

  // Whether a point on the screen stands for more than a minute.
  get grouped() {
    return Boolean(this.highcharts.get(this.view === "lines" ? "close" : "bars").currentDataGrouping);
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

  setView(view) {
    this.view = view;
    for (const id of Object.keys(DRAWN)) this.highcharts.get(id).setVisible(VIEWS[view].includes(id), false);
    this.highcharts.yAxis[0].update({ height: view === "lines" ? "98%" : "82%" }, false);
    if (this.rows?.lastBar) this.show(this.rows);
  }

  setZone(zone, clock) {
    this.clock = clock;
    this.highcharts.update({ time: { timezone: zone } }, false);
    if (this.rows?.lastBar) this.show(this.rows);
  }

  goToLatest() {
    if (!this.rows.sorted.bars.length) return;
    this.setFollow(true);
    this.frame();
    this.highcharts.redraw(false);
  }

  frame() {
    const [from, to] = spanOf(this.rows, this.range);
    this.highcharts.xAxis[0].setExtremes(from, to, false, false);
    this.on.framed(from, to);
  }

  mark() {
    const named = this.highcharts.chartWidth > WIDE && !["week", "all"].includes(this.range);
    const marks = { plotLines: plotLines(this.rows, this.clock), plotBands: plotBands(this.rows, named) };
    const names = JSON.stringify(marks);
    if (names === this.marked) return;
    this.marked = names;
    this.highcharts.xAxis[0].update(marks, false);
  }

  moved(event) {
    this.setFollow(event.max >= lastOf(this.rows) - AHEAD - MINUTE / 2);
    this.on.framed(event.min, event.max);
  }

  setFollow(follow) {
    if (follow === this.follow) return;
    this.follow = follow;
    this.on.following(follow);
  }
}
