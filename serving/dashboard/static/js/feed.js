// Load `/data`, then hear from `/stream` what comes; after trouble load what was missed, wait longer each time, and never give up.

const HIDDEN = 10_000; // nobody looks: a browser keeps six streams at most, so this one is given up, and asked for seldom
const FIRST = 1000;
const LONGEST = 10_000;
const PATIENCE = 8000; // states come every three seconds

export class Feed {
  // `on` has data(answer), trouble(kind, message); words.js explains the kinds.
  constructor(on) {
    this.on = on;
    document.addEventListener("visibilitychange", () => this.symbol && this.load());
    addEventListener("online", () => this.symbol && this.load());
  }

  // `limit` is for more bars than `/data` gives unasked.
  watch(symbol, limit = null) {
    Object.assign(this, { symbol, limit, cursor: null, failures: 0 });
    this.load();
  }

  // All rows, or from the cursor on what was missed; then the stream.
  async load() {
    this.leave();
    const asking = new AbortController();
    this.asking = asking;
    const late = setTimeout(() => asking.abort("late"), PATIENCE);
    const asked = this.question();
    if (this.limit) asked.set("limit", this.limit);
    const result = await get(`/data?${asked}`, asking.signal);
    clearTimeout(late);
    if (this.asking !== asking) return; // another question was asked meanwhile
    this.asking = null;
    if (result.status === 400 && this.cursor) { // of another version of the server: all rows take its place
      this.cursor = null;
      this.load();
    } else if (result.status !== 200) this.fail(kindOf(result), result.body?.error);
    else this.begin(result.body);
  }

  question() {
    const given = new URLSearchParams({ symbol: this.symbol });
    if (this.cursor) given.set("since", this.cursor);
    return given;
  }

  begin(answer) {
    this.hear(answer);
    if (document.hidden) this.timer = setTimeout(() => this.load(), HIDDEN);
    else this.listen();
  }

  listen() {
    const stream = new EventSource(`/stream?${this.question()}`);
    this.stream = stream;
    const heard = (name, then) => stream.addEventListener(name, (event) => {
      this.expect();
      then(JSON.parse(event.data), event.lastEventId);
    });
    heard("rows", (rows, batch) => rows.forEach((row) => this.hear({ ...this.last, ...row, next: `b${batch}` })));
    heard("state", (state) => this.hear({ ...this.last, state }));
    heard("trouble", (body) => this.on.trouble(kindOf({ status: 503, body }), body.error));
    heard("anew", () => { this.cursor = null; this.load(); });
    stream.onerror = () => this.fail("lost");
    this.expect();
  }

  // A line that says nothing for long is as good as lost.
  expect() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail("lost"), PATIENCE);
  }

  hear(answer) {
    this.failures = 0;
    this.cursor = answer.next;
    this.last = { ...answer, whole: false, bars: [], forecasts: [] };
    this.on.data(answer);
  }

  fail(kind, message) {
    this.leave();
    this.failures += 1;
    this.on.trouble(kind, message);
    this.timer = setTimeout(() => this.load(), Math.min(LONGEST, FIRST * 2 ** (this.failures - 1)));
  }

  leave() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.stream?.close();
    this.asking = this.stream = null;
  }
}

// Returns which kind of trouble an answer is.
function kindOf({ status, body }) {
  if (status === 404) return "unknown";
  if (!status) return "lost";
  return body?.kind === "bad_rows" ? "rows" : "down";
}

// Returns {status, body}; status 0 where there was no answer.
export async function get(address, signal) {
  try {
    const response = await fetch(address, { signal, headers: { accept: "application/json" } });
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 0, body: null };
  }
}
