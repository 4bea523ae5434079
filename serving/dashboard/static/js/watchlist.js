// All symbols: searched, sorted, and only those in sight are on the page.

import { get } from "./feed.js";
import { percent, price } from "./format.js";
import { put, VirtualRows } from "./virtual_rows.js";

const HEIGHT = 30; // pixels, as in the style sheet
const EVERY = 5000;
const SOON = 1500; // the server's first answer does not wait for the skills
const SELDOM = 30_000; // where there are many; those in sight are requested more often
const MANY = 500;
const AT_ONCE = 100; // as many as `/symbols` returns with closes
const SETTLED = 120; // milliseconds without a scroll
const QUOTE = { symbol: 0, ts: 1, last: 2, change: 3, forecast: 4, skill: 5, official: 6, spark: 7 };
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);

export class Watchlist {
  // `choose` is called with the symbol that a person chose.
  constructor(choose) {
    Object.assign(this, { choose, quotes: new Map(), order: [], sparks: new Map(), sorting: { field: null, down: true } });
    this.place = at("watch-rows");
    this.list = new VirtualRows(this.place, { height: HEIGHT, make: () => this.make(), fill: (row, quote) => this.fill(row, quote), seen: () => this.settle() });
    at("watch-search").addEventListener("input", () => { this.entered = false; this.place.scrollTop = 0; this.show(); });
    at("watch-search").addEventListener("keydown", (event) => this.onSearchKey(event));
    this.place.addEventListener("keydown", (event) => this.onKey(event));
    for (const button of this.place.querySelectorAll("[data-sort]")) button.addEventListener("click", () => this.sort(button.dataset.sort));
  }

  // The chart goes before: called when it has its rows, or a fault.
  begin() {
    if (this.begun) return;
    this.begun = true;
    this.load();
  }

  async load() {
    clearTimeout(this.timer);
    if (!document.hidden) this.replace(await get("/symbols"));
    this.timer = setTimeout(() => this.load(), this.unskilled ? SOON : this.order.length > MANY ? SELDOM : EVERY);
  }

  replace({ status, body }) {
    if (status !== 200) return;
    this.order = body.symbols.map((quote) => quote[QUOTE.symbol]);
    this.unskilled = this.unskilled === undefined && body.symbols.every((quote) => quote[QUOTE.skill] == null);
    this.quotes = new Map(body.symbols.map((quote) => [quote[QUOTE.symbol], quote]));
    this.show();
    if (this.entered) this.chooseFirst();
  }

  // Request the symbols in sight, when they have settled.
  settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.refreshVisible(), SETTLED);
  }

  async refreshVisible() {
    const seen = this.list.rows.map((row) => row.symbol).slice(0, AT_ONCE);
    if (!seen.length || document.hidden) return;
    const { status, body } = await get(`/symbols?${new URLSearchParams(seen.map((symbol) => ["symbol", symbol]))}`);
    if (status === 200) for (const quote of body.symbols) this.set(quote);
    for (const row of this.list.rows) this.fill(row, this.quotes.get(row.symbol));
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.refreshVisible(), EVERY);
  }

  // The list shows the chosen symbol's newest price at once, as the chart does.
  setNewest(symbol, last, forecast, official) {
    const before = this.quotes.get(symbol);
    if (!before || last == null) return;
    const [base, change] = [before[QUOTE.last], before[QUOTE.change]];
    const moved = change == null || !base ? change : (last / base) * (1 + change) - 1;
    this.quotes.set(symbol, before.with(QUOTE.last, last).with(QUOTE.change, moved).with(QUOTE.forecast, forecast ?? null).with(QUOTE.official, official));
    for (const row of this.list.rows) if (row.symbol === symbol) this.fill(row, this.quotes.get(symbol));
  }

  set(quote) {
    this.quotes.set(quote[QUOTE.symbol], quote);
    this.sparks.set(quote[QUOTE.symbol], quote[QUOTE.spark]);
  }

  select(symbol) {
    this.selected = symbol;
    for (const row of this.list.rows) this.mark(row);
  }

  show() {
    const search = at("watch-search").value.trim().toUpperCase();
    const found = this.order.filter((symbol) => symbol.toUpperCase().includes(search)).map((symbol) => this.quotes.get(symbol));
    const { field, down } = this.sorting;
    if (field) found.sort((a, b) => compare(a[QUOTE[field]], b[QUOTE[field]], down));
    at("watch-count").textContent = search ? `${found.length} of ${this.order.length}` : String(this.order.length);
    at("watch-none").hidden = found.length > 0 || !this.order.length;
    this.list.show(found);
  }

  // A second click turns the order round, a third one gives it back.
  sort(field) {
    const { field: before, down } = this.sorting;
    const first = field !== "symbol"; // names from A, numbers from the largest
    if (before !== field) this.sorting = { field, down: first };
    else this.sorting = down === first ? { field, down: !first } : { field: null, down: true };
    for (const button of this.place.querySelectorAll("[data-sort]")) {
      const order = button.dataset.sort === this.sorting.field ? (this.sorting.down ? "descending" : "ascending") : "none";
      button.closest("th").setAttribute("aria-sort", order);
    }
    this.place.scrollTop = 0;
    this.show();
  }

  onSearchKey(event) {
    if (event.key === "Enter") this.chooseFirst();
    if (event.key === "ArrowDown" && this.list.items.length) {
      event.preventDefault();
      this.focus(0);
    }
  }

  // Before the list is there, the choice waits for it.
  chooseFirst() {
    this.entered = !this.order.length;
    if (this.list.items.length) this.choose(this.list.items[0][QUOTE.symbol]);
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    const row = event.target.closest("tbody tr");
    if (!step || !row) return;
    event.preventDefault();
    this.focus(Math.min(this.list.items.length - 1, Math.max(0, this.list.indexOf(row) + step)));
  }

  focus(index) {
    this.list.reveal(index)?.querySelector("button").focus({ preventScroll: true });
  }

  make() {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    const button = document.createElement("button");
    name.scope = "row";
    button.type = "button";
    name.append(button);
    row.append(name, ...Array.from({ length: 5 }, () => document.createElement("td")));
    row.cells[1].append(sparkline());
    row.addEventListener("click", () => this.choose(row.symbol));
    return row;
  }

  fill(row, quote) {
    row.symbol = quote[QUOTE.symbol];
    const [name, spark, last, change, forecast, skill] = row.cells;
    const [moved, value] = [quote[QUOTE.change], quote[QUOTE.skill]];
    put(name.firstChild, row.symbol);
    drawSpark(spark.firstChild, this.sparks.get(row.symbol) ?? [], sign(moved));
    put(last, price(quote[QUOTE.last]));
    last.title = quote[QUOTE.official] ? "Official close: the price of the closing auction" : "";
    put(change, percent(moved, 2), sign(moved));
    put(forecast, price(quote[QUOTE.forecast]), "ahead");
    put(skill, percent(value), sign(value));
    this.mark(row);
  }

  mark(row) {
    if (row.symbol === this.selected) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

const sign = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

// Unknown values are last, whatever the order.
function compare(a, b, down) {
  if (a == null || b == null) return (a == null) - (b == null);
  const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return down ? -order : order;
}

function sparkline() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 48 18");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "polyline"));
  return svg;
}

function drawSpark(svg, closes, kind) {
  const [low, high] = [Math.min(...closes), Math.max(...closes)];
  const x = (i) => (1 + (46 * i) / Math.max(1, closes.length - 1)).toFixed(1);
  const y = (close) => (high > low ? 16 - (14 * (close - low)) / (high - low) : 9).toFixed(1);
  const points = closes.map((close, i) => `${x(i)},${y(close)}`).join(" ");
  if (svg.firstChild.getAttribute("points") !== points) svg.firstChild.setAttribute("points", points);
  svg.firstChild.setAttribute("class", kind);
}
