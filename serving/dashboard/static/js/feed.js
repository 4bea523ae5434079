// Load `/data`, then receive `/stream`. After a fault load what was missed; wait longer each time, and never give up.

const HIDDEN = 10_000; // a hidden page polls, because a browser opens six streams at most
const FIRST = 1000;
const LONGEST = 10_000;
const TIMEOUT = 8000; // a state is sent every three seconds

export class Feed {
  // `on` has data(answer), fault(kind, message); status_words.js explains the kinds.
  constructor(on) {
    this.on = on;
    document.addEventListener("visibilitychange", () => this.symbol && this.load());
    addEventListener("online", () => this.symbol && this.load());
  }

  // `limit` is for more bars than `/data` returns by default.
  watch(symbol, limit = null) {
    Object.assign(this, { symbol, limit, cursor: null, failures: 0 });
    this.load();
  }

  // All rows, or from the cursor on what was missed; then the stream.
  async load() {
    this.close();
    const request = new AbortController();
    this.request = request;
    const timeout = setTimeout(() => request.abort("late"), TIMEOUT);
    const query = this.query();
    if (this.limit) query.set("limit", this.limit);
    const result = await get(`/data?${query}`, request.signal);
    clearTimeout(timeout);
    if (this.request !== request) return; // another request was sent meanwhile
    this.request = null;
    if (result.status === 400 && this.cursor) { // of another version of the server: all rows take its place
      this.cursor = null;
      this.load();
    } else if (result.status !== 200) this.fail(kindOf(result), result.body?.error);
    else this.begin(result.body);
  }

  query() {
    const query = new URLSearchParams({ symbol: this.symbol });
    if (this.cursor) query.set("since", this.cursor);
    return query;
  }

  begin(answer) {
    this.receive(answer);
    if (document.hidden) this.timer = setTimeout(() => this.load(), HIDDEN);
    else this.listen();
  }

  listen() {
    const stream = new EventSource(`/stream?${this.query()}`);
    this.stream = stream;
    const on = (name, then) => stream.addEventListener(name, (event) => {
      this.restartTimeout();
      then(JSON.parse(event.data), event.lastEventId);
    });
    on("rows", (rows, batch) => rows.forEach((row) => this.receive({ ...this.last, ...row, next: `b${batch}` })));
    on("state", (state) => this.receive({ ...this.last, state }));
    on("trouble", (body) => this.on.fault(kindOf({ status: 503, body }), body.error));
    on("anew", () => { this.cursor = null; this.load(); });
    stream.onerror = () => this.fail("lost");
    this.restartTimeout();
  }

  // A silent connection is treated as a lost one.
  restartTimeout() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail("lost"), TIMEOUT);
  }

  receive(answer) {
    this.failures = 0;
    this.cursor = answer.next;
    this.last = { ...answer, whole: false, bars: [], forecasts: [] };
    this.on.data(answer);
  }

  fail(kind, message) {
    this.close();
    this.failures += 1;
    this.on.fault(kind, message);
    this.timer = setTimeout(() => this.load(), Math.min(LONGEST, FIRST * 2 ** (this.failures - 1)));
  }

  close() {
    clearTimeout(this.timer);
    this.request?.abort();
    this.stream?.close();
    this.request = this.stream = null;
  }
}

// Returns the kind of fault.
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
