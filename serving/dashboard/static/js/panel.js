// The words and figures around the chart. Everything is set as text: nothing that comes from data can be markup.

import { basisPoints, count, percent, price, span } from "./format.js";
import { BAR, FORECAST } from "./rows.js";

const at = (id) => document.getElementById(id);

export function text(id, words) {
  const element = at(id);
  if (element.textContent !== words) element.textContent = words;
  return element;
}

function delta(id, change, words) {
  text(id, words).dataset.sign = change > 0 ? "up" : change < 0 ? "down" : "flat";
}

export function showPrices(rows, clock, state) {
  const bar = rows.lastBar;
  const before = rows.sorted.bars.at(-2);
  const change = bar && before ? bar[BAR.close] / before[BAR.close] - 1 : null;
  text("last", bar ? price(bar[BAR.close]) : "–");
  delta("last-change", change, change == null ? "" : basisPoints(change));
  text("last-when", bar ? `close of ${clock.near(bar[BAR.ts], state.now)}` : "no bar yet");
  showNext(rows, clock, state, bar);
}

function showNext(rows, clock, state, bar) {
  const next = rows.ahead;
  const change = next && bar ? next[FORECAST.predicted] / bar[BAR.close] - 1 : null;
  text("next-label", next ? `Forecast for ${clock.near(next[FORECAST.target], state.now)}` : "Next close");
  text("next", next ? price(next[FORECAST.predicted]) : "–");
  delta("next-change", change, change == null ? "" : basisPoints(change));
  const none = state.consumer.waiting || !state.model ? "no model serves yet" : "none across the closing bell, or after a feed gap";
  text("next-band", next ? `90 %: ${price(next[FORECAST.lower90])} to ${price(next[FORECAST.upper90])}` : none);
}

const KNOWN_AFTER = 60_000; // from a bar's open until it is known

// A state is told every three seconds, a bar at once: what the bar says of the time is newer.
function upToDate(state, rows) {
  const last = Math.max(state.last_bar ?? 0, rows.lastBar?.[BAR.ts] ?? 0) || null;
  const now = state.now == null || last == null ? state.now : Math.max(state.now, last + KNOWN_AFTER);
  return { ...state, now, last_bar: last, last_bar_age: now == null || last == null ? null : Math.max(0, now - last - KNOWN_AFTER) / 1000 };
}

export function showState(told, rows, clock) {
  const state = upToDate(told, rows);
  showScore(state.score);
  showMarket(state, clock);
  text("clock", state.now == null ? "–" : `${clock.day(state.now)}, ${clock.second(state.now)}`);
  text("bar-age", state.last_bar_age == null ? "–" : `${clock.near(state.last_bar, state.now)}, ${span(state.last_bar_age)} old`);
  showModel(state);
  showService("producer", state.producer);
  showService("consumer", state.consumer);
}

function showScore(score) {
  at("skill").dataset.verdict = score.verdict;
  text("skill", percent(score.skill));
  text("skill-sentence", score.sentence);
  const held = score.coverage_90 == null ? "–" : `${(score.coverage_90 * 100).toFixed(0)} % of ${count(score.n)} forecasts`;
  text("coverage", held);
}

function showMarket(state, clock) {
  const known = state.market_open != null;
  text("market", known ? (state.market_open ? "Open" : "Closed") : "–").dataset.open = String(state.market_open);
  const when = state.next_change == null ? "" : clock.near(state.next_change, state.now);
  text("market-when", !known ? "the producer has not spoken yet" : when ? `${state.market_open ? "until" : "opens"} ${when}` : "");
}

function showModel({ model, consumer }) {
  const place = at("model");
  const words = model ? `version ${model.version}` : consumer.waiting ? "waits for a champion" : "none yet";
  if (place.textContent === words && place.firstElementChild?.href === model?.url) return;
  if (!model || !/^https?:/.test(model.url)) {
    place.textContent = words;
    return;
  }
  const link = document.createElement("a");
  link.href = model.url;
  link.title = "Its run in MLflow";
  link.textContent = words;
  place.replaceChildren(link);
}

function showService(name, service) {
  const ago = service.age == null ? "" : `${span(Math.max(0, service.age))} ago`;
  const words = !service.seen ? "not heard yet" : service.stale ? `stale, last heard ${ago}` : `heard ${ago}`;
  const lag = service.lag ? `, ${count(service.lag)} behind` : "";
  text(name, words + lag).dataset.stale = String(service.stale);
}

export function showLink(link, words) {
  at("link").dataset.link = link;
  text("link-text", words);
}

export function showNotice(words) {
  text("notice", words ?? "").hidden = !words;
}

export function showEmpty(title, words) {
  at("empty").hidden = !title;
  if (!title) return;
  text("empty-title", title);
  text("empty-text", words);
}
