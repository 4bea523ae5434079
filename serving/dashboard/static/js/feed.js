// Ask `/data` each second for what is new; after trouble wait longer, and never give up.

const EVERY = 1000;
const HIDDEN = 10_000; // nobody looks
const LONGEST = 10_000;
const PATIENCE = 8000;

export class Feed {
  // `on` has data(answer), trouble(kind, message); kind is "lost", "down" or "unknown".
  constructor(on) {
    this.on = on;
    this.timer = 0;
    this.asking = null;
    document.addEventListener("visibilitychange", () => document.hidden || !this.symbol || this.asking || this.now());
    addEventListener("online", () => this.symbol && !this.asking && this.now());
  }

  watch(symbol) {
    this.asking?.abort();
    Object.assign(this, { symbol, cursor: null, failures: 0, asking: null });
    this.now();
  }

  now() {
    clearTimeout(this.timer);
    this.ask();
  }

  async ask() {
    const asking = new AbortController();
    this.asking = asking;
    const late = setTimeout(() => asking.abort("late"), PATIENCE);
    const result = await get(this.address(), asking.signal);
    clearTimeout(late);
    if (this.asking !== asking) return; // another symbol was chosen meanwhile
    this.asking = null;
    this.hear(result);
    this.timer = setTimeout(() => this.ask(), this.pause());
  }

  address() {
    const given = new URLSearchParams({ symbol: this.symbol });
    if (this.cursor) given.set("since", this.cursor);
    return `/data?${given}`;
  }

  hear({ status, body }) {
    if (status === 200) {
      this.failures = 0;
      this.cursor = body.next;
      this.on.data(body);
      return;
    }
    this.failures += 1;
    this.on.trouble(status === 404 ? "unknown" : status ? "down" : "lost", body?.error);
  }

  pause() {
    if (this.failures) return Math.min(LONGEST, EVERY * 2 ** (this.failures - 1));
    return document.hidden ? HIDDEN : EVERY;
  }
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
