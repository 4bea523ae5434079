// How good the model is: a row a session, newest first, and all of them together.

import { count, percent, price } from "./format.js";
import { put } from "./virtual_rows.js";

const WIDEST = 0.1; // skill that fills half of the bar
const share = (value) => (value == null ? "–" : `${(value * 100).toFixed(0)} %`);
const points = (value) => (value == null ? "–" : value.toFixed(2));
const at = (id) => document.getElementById(id);

export function showRecord({ sessions, together }, clock) {
  const body = at("record").tBodies[0];
  const rows = [...sessions, ...(sessions.length > 1 ? [together] : [])];
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  while (body.rows.length < rows.length) body.append(make());
  rows.forEach((score, i) => fill(body.rows[i], score, nameOf(score, i, sessions.length, clock)));
  put(at("record-sentence"), together.sentence, "small");
}

function nameOf({ session }, i, sessions, clock) {
  if (i === sessions) return `Last ${sessions} together`;
  return session ? clock.session(session) : "No session yet";
}

function make() {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  row.append(name, ...Array.from({ length: 8 }, () => document.createElement("td")));
  const bar = document.createElement("span");
  bar.className = "trend";
  bar.append(document.createElement("i"));
  row.cells[2].append(bar);
  row.cells[2].className = "trend-cell";
  return row;
}

function fill(row, score, name) {
  const cells = row.cells;
  const sign = score.skill > 0 ? "up" : score.skill < 0 ? "down" : "";
  put(cells[0], name);
  put(cells[1], percent(score.skill), sign);
  drawBar(cells[2].firstChild.firstChild, score.skill ?? 0, sign);
  put(cells[3], points(score.mae_bp));
  put(cells[4], score.mae_model == null ? "–" : price(score.mae_model, 4));
  put(cells[5], share(score.direction));
  put(cells[6], share(score.coverage_50));
  put(cells[7], share(score.coverage_90));
  put(cells[8], count(score.n));
}

// From the middle to the right where the model was nearer than the last price, to the left where it was not.
function drawBar(bar, skill, sign) {
  const width = Math.min(1, Math.abs(skill) / WIDEST) * 50;
  bar.className = sign;
  bar.style.width = `${width}%`;
  bar.style.left = `${skill < 0 ? 50 - width : 50}%`;
}
