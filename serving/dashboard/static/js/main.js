// Wire the page: the address names what is chosen, and the feed brings rows.
// figures.js writes the headline figures and the services' state, chart.js and cursor_line.js the chart,
// table.js its rows as a table, track_record.js "How good it is", watchlist.js the symbols.

import { Chart } from "./chart.js";
import { buttons, chosen, list, remember } from "./choices.js";
import { Feed } from "./feed.js";
import { clockOf, price } from "./format.js";
import { showEmpty, showLink, showNothing, showNotice, showPrices, showState, showUnknown, text } from "./figures.js";
import { showReadout } from "./cursor_line.js";
import { showRecord } from "./track_record.js";
import { BAR, FORECAST, MANY, Rows, SOME } from "./rows.js";
import { MINUTE, spanOf } from "./spans.js";
import { Table } from "./table.js";
import { Watchlist } from "./watchlist.js";
import { fault, Notices, noBars, silence } from "./status_words.js";

const root = document.documentElement;
const page = document.getElementById("page");
const search = document.getElementById("watch-search");
const latest = document.getElementById("latest");
const csv = document.getElementById("csv");
const places = { chart: document.getElementById("chart"), table: document.getElementById("table") };
const GROUPED_EVERY = 5000; // far out, one minute hardly shows, and drawing costs most
const exchange = clockOf(page.dataset.zone);
const viewer = Intl.DateTimeFormat().resolvedOptions().timeZone;

let clock = exchange; // of the zone that is shown
let rows = new Rows(exchange);
let symbol = null;
let state = null; // the newest state of the services
let pointed = null; // the point under the cursor: its first minute, and how long it is
let pending = false; // rows came that are not drawn yet
let view = "candles";
let due = 0; // when the chart may be drawn again
let notices = new Notices();
const chart = window.Highcharts ? makeChart() : null;
const table = new Table(places.table);
const watchlist = new Watchlist(chooseSymbol);
const feed = new Feed({ data: onData, fault: onFault });

function makeChart() {
  places.chart.addEventListener("mouseleave", () => { pointed = null; readOut(); });
  const on = {
    point: (ts, width) => { pointed = { ts, width }; readOut(); },
    following: (yes) => { latest.hidden = yes; },
    framed: offerCsv,
    announcement,
  };
  return new Chart(places.chart, { zone: page.dataset.zone, gap: Number(page.dataset.gapMs), clock }, on);
}

// The words for a screen reader, once a minute at most.
function announcement() {
  const [bar, next] = [rows.lastBar, rows.ahead];
  const actual = bar ? `Close of ${clock.minute(bar[BAR.ts])}: ${price(bar[BAR.close])}.` : "";
  return next ? `${actual} Forecast for ${clock.minute(next[FORECAST.target])}: ${price(next[FORECAST.predicted])}.` : actual;
}

function readOut() {
  const newest = rows.ahead?.[FORECAST.target] ?? rows.lastBar?.[BAR.ts];
  showReadout(rows, pointed ?? { ts: newest, width: MINUTE }, clock);
}

function onData(answer) {
  const news = rows.merge(answer);
  state = answer.state;
  const silent = silence(state);
  showLink(silent ? "stale" : "live", silent ?? "Live");
  showNotice(notices.of(state));
  showWords();
  if (shows()) showEmpty(...(rows.lastBar ? [null] : noBars(state)));
  if (news) showNews();
  pending ||= news;
  if (pending && (answer.whole || performance.now() >= due)) draw();
  nameTab(silent);
  watchlist.begin();
}

function showWords() {
  if (!state) return;
  showPrices(rows, clock, state);
  showState(state, rows, clock);
  showRecord(state.score, clock);
}

// Whether there is what shows rows: without Highcharts only the table does.
const shows = () => chart || view === "table";

function showTable() {
  if (!rows.lastBar) return;
  const span = spanOf(rows, chosen("range"));
  table.show(rows, span, clock);
  offerCsv(...span);
}

function offerCsv(from, to) {
  csv.href = `/data.csv?${new URLSearchParams({ symbol, since: Math.floor(from), until: Math.ceil(to), limit: MANY })}`;
}

function showNews() {
  readOut();
  const official = rows.officialClose(state);
  watchlist.setNewest(symbol, official?.close ?? rows.lastBar?.[BAR.close], rows.ahead?.[FORECAST.predicted], Boolean(official));
}

function draw() {
  pending = false;
  if (!shows() || !rows.lastBar) return;
  if (view === "table") showTable();
  else chart.show(rows);
  due = performance.now() + (view !== "table" && chart.grouped ? GROUPED_EVERY : 0);
  root.dataset.symbol = symbol;
  if (!root.dataset.ready) requestAnimationFrame(() => requestAnimationFrame(painted));
}

// Scripts wait for the first chart, and benchmarks ask when it was there: after the frame that drew it.
function painted() {
  if (root.dataset.ready) return;
  performance.mark("chart");
  chart?.describe();
  root.dataset.ready = "true";
}

function onFault(kind, message) {
  const words = fault(kind, message, Boolean(rows.lastBar));
  watchlist.begin();
  showLink("lost", words.link);
  showNotice(words.notice);
  showUnknown();
  if (!rows.lastBar) showNothing();
  if (shows() && words.empty) showEmpty(...words.empty);
  nameTab(words.link);
}

// The tab shows the price only while it is live.
function nameTab(problem) {
  const bar = rows.lastBar;
  const last = rows.officialClose(state)?.close ?? bar?.[BAR.close];
  const first = problem ? `${problem}: ` : bar ? `${last.toFixed(2)} ` : "";
  document.title = `${first}${symbol} · stock_ml`;
}

// All that is stored is much, and loaded only where it is asked for.
function chooseRange(range) {
  due = 0;
  chart?.choose(range);
  if (view === "table") showTable();
  if (range === "all" && rows.most < MANY) watch(MANY);
}

function chooseView(name) {
  view = name;
  places.table.hidden = view !== "table";
  places.chart.hidden = view === "table";
  document.getElementById("empty").hidden = Boolean(shows()); // its first words are for a page without Highcharts
  if (view === "table") showTable();
  else chart?.setView(view);
}

function chooseZone(name) {
  const zone = name === "viewer" ? viewer : page.dataset.zone;
  clock = clockOf(zone);
  text("zone-name", `Times are ${name === "viewer" ? "yours" : "the exchange’s"} (${zone}).`);
  chart?.setZone(zone, clock);
  if (view === "table") showTable();
  showWords();
  readOut();
}

function chooseSymbol(name) {
  if (name === symbol) return;
  symbol = name;
  pointed = state = null;
  notices = new Notices();
  chart?.setFollow(true);
  text("symbol", name);
  watchlist.select(name);
  remember("symbol", name);
  watch(chosen("range") === "all" ? MANY : SOME);
}

function watch(most) {
  if (!symbol) return;
  rows = new Rows(exchange, most);
  readOut();
  feed.watch(symbol, most === SOME ? null : most);
}

latest.addEventListener("click", () => chart.goToLatest());
document.getElementById("symbol").addEventListener("click", () => { search.scrollIntoView({ block: "nearest" }); search.focus(); });
list("zone", "exchange", chooseZone);
buttons("view", "candles", chooseView);
chooseSymbol(chosen("symbol") || page.dataset.symbol);
buttons("range", innerWidth < 640 ? "30" : "120", chooseRange);
