// Wire the page: the address names the symbol and the range, the feed brings rows, chart and panel show them.

import { Chart } from "./chart.js";
import { Feed, get } from "./feed.js";
import { clockOf } from "./format.js";
import { showEmpty, showLink, showNotice, showPrices, showState } from "./panel.js";
import { showReadout } from "./readout.js";
import { BAR, FORECAST, Rows } from "./rows.js";

const root = document.documentElement;
const page = document.getElementById("page");
const picker = document.getElementById("symbol");
const latest = document.getElementById("latest");
const buttons = [...document.querySelectorAll("[data-range]")];
const clock = clockOf(page.dataset.zone);
const address = new URLSearchParams(location.search);
const CHANGE_SHOWN = 60_000;
const GROUPED_EVERY = 5000; // far out, one minute hardly shows, and drawing costs most
const RANGES = buttons.map((button) => button.dataset.range);

let rows = new Rows();
let pointed = null; // the minute under the cursor
let pending = false; // rows came that are not drawn yet
let due = 0; // when the chart may be drawn again
let version = null;
let change = null; // what is said of the newest change of the model
const chart = window.Highcharts ? makeChart() : null;
const feed = new Feed({ data: onData, trouble: onTrouble });

function makeChart() {
  const place = document.getElementById("chart");
  place.addEventListener("mouseleave", () => { pointed = null; readOut(); });
  const hear = { point: (ts) => { pointed = ts; readOut(); }, following: (yes) => { latest.hidden = yes; } };
  return new Chart(place, { zone: page.dataset.zone, gap: Number(page.dataset.gapMs), clock }, hear);
}

function readOut() {
  showReadout(rows, pointed ?? rows.ahead?.[FORECAST.target] ?? rows.lastBar?.[BAR.ts], clock);
}

function onData(answer) {
  const news = rows.take(answer);
  const silent = answer.state.producer.stale;
  showLink(silent ? "stale" : "live", silent ? "Producer silent" : "Live");
  showPrices(rows, clock, answer.state);
  showState(answer.state, clock);
  showNotice(noticeOf(answer.state));
  if (chart) showEmpty(...emptyOf(answer.state));
  pending ||= news;
  if (pending && (answer.whole || performance.now() >= due)) draw(answer);
  nameTab(answer);
}

function draw(answer) {
  pending = false;
  readOut();
  if (!chart || !rows.sorted.bars.length) return;
  chart.show(rows);
  due = performance.now() + (chart.grouped ? GROUPED_EVERY : 0);
  root.dataset.symbol = answer.symbol;
  requestAnimationFrame(() => { root.dataset.ready = "true"; }); // scripts wait for the first chart
}

function noticeOf({ consumer, model }) {
  if (consumer.waiting && model) return `Model version ${model.version} goes on serving. ${sentence(consumer.waiting)}`;
  if (consumer.waiting) return `No forecasts now. The consumer says: ${sentence(consumer.waiting)} Bars are kept, and the newest are forecast as soon as there is a model.`;
  if (model && version && model.version !== version) {
    change = `Model version ${model.version} makes the forecasts now.`;
    setTimeout(() => { change = null; }, CHANGE_SHOWN);
  }
  version = model?.version ?? version;
  return change;
}

const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;

function emptyOf({ market_open: open }) {
  if (rows.sorted.bars.length) return [null];
  const closed = open === false ? " The market is closed now." : "";
  return ["No bars yet", `The first one is drawn here as soon as the source shows it; there is no need to reload.${closed}`];
}

function onTrouble(kind, message) {
  if (kind === "unknown") {
    showLink("lost", "Not found");
    showNotice(message);
    if (chart) showEmpty("No such symbol", "Choose another one above.");
    return;
  }
  const lost = kind === "lost";
  const what = lost ? "The dashboard does not answer." : sentence(message ?? "The dashboard has trouble.");
  const kept = rows.sorted.bars.length;
  showLink("lost", lost ? "Connection lost" : "Database away");
  showNotice(`${what} Trying again.${kept ? " What you see stays, and what is missed meanwhile is filled in." : ""}`);
  if (chart && !kept) showEmpty("Nothing to show yet", "The chart comes as soon as there is an answer; there is no need to reload.");
}

function nameTab({ symbol }) {
  const bar = rows.lastBar;
  document.title = bar ? `${bar[BAR.close].toFixed(2)} ${symbol} · stock_ml` : `${symbol} · stock_ml`;
}

function chooseRange(range) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.range === range));
  chart?.choose(range);
  due = 0;
  remember("range", range);
}

function chooseSymbol(symbol) {
  rows = new Rows();
  pointed = version = change = null;
  readOut();
  chart?.setFollow(true);
  offer(symbol);
  picker.value = symbol;
  remember("symbol", symbol);
  feed.watch(symbol);
}

function remember(name, value) {
  address.set(name, value);
  history.replaceState(null, "", `?${address}`);
}

function offer(symbol) {
  if ([...picker.options].some((option) => option.value === symbol)) return;
  picker.add(new Option(symbol, symbol));
}

async function listSymbols() {
  const { status, body } = await get("/symbols");
  if (status !== 200) return setTimeout(listSymbols, 5000);
  body.symbols.forEach(offer);
}

document.getElementById("empty").hidden = Boolean(chart); // its first words are for a page without Highcharts
for (const button of buttons) button.addEventListener("click", () => chooseRange(button.dataset.range));
latest.addEventListener("click", () => chart.choose(chart.range));
picker.addEventListener("change", () => chooseSymbol(picker.value));
chooseRange(RANGES.includes(address.get("range")) ? address.get("range") : innerWidth < 640 ? "30" : "120");
chooseSymbol(address.get("symbol") || picker.value);
listSymbols();
