// Numbers and times as people read them; every time in the exchange's zone.

const prices = [2, 4].map((digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
export const price = (value, digits = 2) => (value == null ? "–" : prices[digits === 2 ? 0 : 1].format(value));
export function signed(value, digits, unit) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value).toFixed(digits);
  const sign = Number(size) === 0 ? "" : value > 0 ? "+" : "−";
  return `${sign}${size}${unit}`;
}
export const percent = (value, digits = 1) => signed(value == null ? null : value * 100, digits, " %");
export const basisPoints = (value) => signed(value == null ? null : value * 10_000, 1, " bp");
export const count = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });

export function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

const sessionDay = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "short", day: "numeric", month: "short" });

export function clockOf(zone) {
  const make = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  const minute = make({ hour: "2-digit", minute: "2-digit" });
  const second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = make({ weekday: "short", day: "numeric", month: "short" });
  const date = make({ year: "numeric", month: "2-digit", day: "2-digit" });
  return {
    minute: (ms) => minute.format(ms),
    second: (ms) => second.format(ms),
    day: (ms) => day.format(ms),
    date: (ms) => date.format(ms),
    session: (date) => sessionDay.format(Date.parse(date)), // a date has no zone
    // the day is named only where it is another than `now`
    near: (ms, now) => (now != null && date.format(ms) !== date.format(now) ? `${day.format(ms)}, ${minute.format(ms)}` : minute.format(ms)),
  };
}
