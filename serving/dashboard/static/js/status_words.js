// The words where something is missing, lost or new.

const CHANGE_SHOWN = 60_000;

export const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;

export class Notices {
  constructor() {
    Object.assign(this, { version: null, change: null });
  }

  // Returns the words above the page, null for none; a new version is shown for a minute.
  of({ consumer, model }) {
    if (consumer.waiting && model) return `Model version ${model.version} goes on serving. ${sentence(consumer.waiting)}`;
    if (consumer.waiting) return `No forecasts now. The consumer says: ${sentence(consumer.waiting)} Bars are kept, and the newest are forecast as soon as there is a model.`;
    if (model && this.version && model.version !== this.version) {
      this.change = `Model version ${model.version} makes the forecasts now.`;
      setTimeout(() => { this.change = null; }, CHANGE_SHOWN);
    }
    this.version = model?.version ?? this.version;
    return this.change;
  }
}

// Returns which service has not reported for long, null where both report: old prices must not look live.
export function silence({ producer, consumer }) {
  if (producer.stale) return "Producer silent";
  return consumer.stale ? "Consumer silent" : null;
}

// Returns title and words for a chart without bars.
export function noBars({ market_open: open }) {
  const closed = open === false ? " The market is closed now." : "";
  return ["No bars yet", `The first one is drawn here as soon as the source shows it; there is no need to reload.${closed}`];
}

const LINK = { unknown: "Not found", lost: "Connection lost", rows: "Stored rows cannot be read", down: "Database away" };

// Returns what is wrong in words: beside the dot, above the page, and in the place of the chart where that is empty.
// `kind` is "unknown" (the symbol), "lost" (the connection), "rows" (stored, that PostgreSQL cannot compute with) or "down".
export function fault(kind, message, hasRows) {
  const link = LINK[kind];
  if (kind === "unknown") return { link, notice: message, empty: ["No such symbol", "Choose another one."] };
  const what = kind === "lost" ? "The dashboard does not answer." : sentence(message ?? "The dashboard has trouble.");
  return {
    link,
    notice: `${what} Trying again.${hasRows ? " What you see stays, and what is missed meanwhile is filled in." : ""}`,
    empty: hasRows ? null : ["Nothing to show yet", "The chart comes as soon as there is an answer; there is no need to reload."],
  };
}
