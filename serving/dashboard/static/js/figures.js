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
  const official = rows.officialClose(state);
  const before = official ? bar : rows.sorted.bars.at(-2);
  const last = official?.close ?? bar?.[BAR.close];
  const change = bar && before ? last / before[BAR.close] - 1 : null;
  text("last", bar ? price(last) : "–");
  delta("last-change", change, change == null ? "" : basisPoints(change));
  text("last-when", official ? `official close of ${clock.near(official.ts, state.now)}` : bar ? `close of ${clock.near(bar[BAR.ts], state.now)}` : "no bar yet");
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

// A state is sent every three seconds, a bar at once: the bar's time is newer.
function upToDate(state, rows) {
  const last = Math.max(state.last_bar ?? 0, rows.lastBar?.[BAR.ts] ?? 0) || null;
  const now = state.now == null || last == null ? state.now : Math.max(state.now, last + KNOWN_AFTER);
  return { ...state, now, last_bar: last, last_bar_age: now == null || last == null ? null : Math.max(0, now - last - KNOWN_AFTER) / 1000 };
}

export function showState(sent, rows, clock) {
  const state = upToDate(sent, rows);
  showScore(state.score);
  showMarket(state, clock);
  const silent = Boolean(state.producer.stale); // it sends the time, so ages stop as well
  text("clock", state.now == null ? "–" : `${clock.day(state.now)}, ${clock.second(state.now)}`).dataset.stale = String(silent);
  text("bar-age", state.last_bar_age == null ? "–" : `${clock.near(state.last_bar, state.now)}, ${silent ? "age unknown" : `${span(state.last_bar_age)} old`}`).dataset.stale = String(silent || isOld(state));
  showModel(state, clock);
  showService("producer", state.producer);
  showService("consumer", state.consumer);
  showMonitor(state, clock);
  showLiveBars(state);
  showDags(state);
}

const OLD = 300; // seconds of the market's clock

const isOld = ({ market_open: open, last_bar_age: age, feed_delay: delay }) => Boolean(open) && age > OLD + delay;

// A delay in words, as `stock_ml/domain/feed_delay.py` has them.
const feedWords = (delay) => (delay ? `, ${Math.round(delay / 60)} min delayed feed` : "");

// Many symbols share the source's limit of requests: then each is asked for less than once a minute.
const askedWords = (every) => (every > 60 ? `, each symbol asked for every ${Math.ceil(every / 60)} min` : "");

function showScore(score) {
  at("skill").dataset.verdict = score.verdict;
  text("skill", percent(score.skill));
  text("skill-sentence", score.sentence);
}

function showMarket(state, clock) {
  const known = state.market_open != null;
  text("market", known ? (state.market_open ? "Open" : "Closed") : "–").dataset.open = String(state.market_open);
  const when = state.next_change == null ? "" : clock.near(state.next_change, state.now);
  const feed = feedWords(state.feed_delay) + askedWords(state.request_interval);
  const asOf = state.producer.stale && state.producer.age != null ? ` as of ${span(state.producer.age)} ago` : "";
  const until = when && `${state.market_open ? "until" : "opens"} ${when}`;
  text("market-when", known ? `${until}${asOf}${feed}`.replace(/^[, ]+/, "") : "the producer has not spoken yet");
}

function showModel({ model, consumer, now }) {
  const age = model?.trained_until && now ? `, trained ${span(Math.max(0, now - model.trained_until) / 1000)} ago` : "";
  const words = model ? `version ${model.version}` : consumer.waiting ? "waits for a champion" : "none yet";
  link(at("model"), words, model?.url, "Its run in MLflow");
  text("model-age", age);
}

// A link where there is an address that can be one, else the words alone.
function link(place, words, href, title) {
  const linked = /^https?:/.test(href ?? "");
  if (place.textContent === words && (place.firstElementChild?.href ?? null) === (linked ? href : null)) return;
  if (!linked) {
    place.textContent = words;
    return;
  }
  const element = document.createElement("a");
  Object.assign(element, { href, title, textContent: words });
  place.replaceChildren(element);
}

function showMonitor({ alert, look, now }, clock) {
  const skill = look ? `skill ${percent(look.skill)}, ${clock.near(look.market_at, now)}${late(look)}${drift(look.unusual ?? {})}` : "no look yet";
  const alarm = alert ? `alert: ${alert.reason}` : look?.alarm;
  text("monitor", alarm ?? skill).dataset.stale = String(Boolean(alarm));
}

// How the live bars of a session differ from the settled ones; nothing where none were compared.
function showLiveBars({ live_bars: found }) {
  const by = found?.median_bp ? `, by ${found.median_bp.toFixed(1)} bp in the median` : "";
  const place = text("live-bars", found ? `of ${found.session}: ${(found.differ * 100).toFixed(1)} % of closes differ from the settled ones${by}` : "");
  place.parentElement.hidden = !found;
}

// The share of forecasts that do not count, as their outcome could be known, if there were any.
const late = (look) => (look.late ? `; ${Math.round(look.late * 100)} % made too late` : "");

// The feature that drifted furthest beyond what was usual in training, if any did.
function drift(unusual) {
  const [name, beyond] = Object.entries(unusual).reduce((most, each) => (each[1] > most[1] ? each : most), ["", 0]);
  return name && `; drift of ${name}, PSI ${beyond.toFixed(2)} beyond training`;
}

// The last run of each DAG, in the order of their names.
function showDags({ dags }) {
  const place = at("dags");
  while (place.children.length > dags.length) place.lastElementChild.remove();
  while (place.children.length < dags.length) place.append(dagPlace());
  dags.forEach((dag, i) => {
    const [name, run] = place.children[i].children;
    if (name.textContent !== dag.id) name.textContent = dag.id;
    const ended = dag.ended_at ?? dag.started_at;
    const ago = ended ? `, ${span(Math.max(0, Date.now() - ended) / 1000)} ago` : "";
    link(run, `${dag.state}${ago}`, dag.url, "Its run in Airflow");
    run.dataset.stale = String(dag.state === "failed");
  });
}

function dagPlace() {
  const place = document.createElement("div");
  place.append(document.createElement("dt"), document.createElement("dd"));
  return place;
}

function showService(name, service) {
  const ago = service.age == null ? "" : `${span(Math.max(0, service.age))} ago`;
  const words = !service.seen ? "not heard yet" : service.stale ? `stale, last heard ${ago}` : `heard ${ago}`;
  const lag = service.lag ? `, ${count(service.lag)} behind` : "";
  text(name, words + lag).dataset.stale = String(service.stale);
}

// Without a connection it is unknown how old the figures are.
export function showUnknown() {
  for (const id of ["clock", "bar-age", "producer", "consumer"]) text(id, "not known now").dataset.stale = "unknown";
  if (at("market-when").textContent) text("market-when", "as last heard");
}

// No figures of another symbol are shown under the name of a symbol without data.
export function showNothing() {
  for (const id of ["last", "next", "skill"]) text(id, "–");
  for (const id of ["last-change", "last-when", "next-change", "next-band", "skill-sentence", "record-sentence"]) text(id, "");
  text("next-label", "Next close");
  at("record").tBodies[0].replaceChildren();
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
