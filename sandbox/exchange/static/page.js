// Shows the simulated clock and prices as they run, and pauses or speeds the clock.
const EVERY = 1000;
let away = false;
const at = (id) => document.getElementById(id);
const exchange = new Intl.DateTimeFormat("sv-SE", {
  timeZone: document.body.dataset.zone, dateStyle: "short", timeStyle: "medium",
});

function show(clock) {
  at("at").textContent = exchange.format(clock.market * 1000);
  at("state").textContent = `${clock.paused ? "paused" : "running"}, ${clock.speed} × the wall`;
  at("pause").textContent = clock.paused ? "Resume" : "Pause";
  at("pause").setAttribute("aria-pressed", clock.paused);
}

async function ask(address, change) {
  const sent = change && {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(change)};
  const answer = await fetch(address, sent);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

async function change(clock) {
  try {
    show(await ask("clock", clock));
    at("said").textContent = "";
  } catch (error) {
    at("said").textContent = `not changed: ${error.message}`;
  }
}

async function refresh() {
  try {
    show(await ask("clock"));
    for (const [symbol, price] of Object.entries(await ask("prices"))) {
      const cell = [...document.querySelectorAll("[data-symbol]")].find((each) => each.dataset.symbol === symbol);
      if (cell) cell.textContent = price.toFixed(2);
    }
    if (away) at("said").textContent = "";
    away = false;
  } catch (error) {
    away = true;
    at("said").textContent = `the exchange does not answer (${error.message})`;
  }
  setTimeout(refresh, EVERY);
}

at("pause").addEventListener("click", () => change({paused: at("pause").getAttribute("aria-pressed") !== "true"}));
at("clock").addEventListener("submit", (event) => {
  event.preventDefault();
  change({speed: Number(at("speed").value)});
});
setTimeout(refresh, EVERY);
