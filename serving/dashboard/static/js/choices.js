// What a person chose to see. The address holds it, so that a reload, a bookmark and a link to a colleague show the same.

const address = new URLSearchParams(location.search);

export const chosen = (name) => address.get(name);

export function remember(name, value) {
  address.set(name, value);
  history.replaceState(null, "", `?${address}`);
}

// Buttons of which one is pressed: `data-NAME` holds what each stands for. Returns a function that chooses one.
export function buttons(name, initial, then) {
  const all = [...document.querySelectorAll(`[data-${name}]`)];
  const choose = (value) => {
    for (const button of all) button.setAttribute("aria-pressed", String(button.dataset[name] === value));
    remember(name, value);
    then(value);
  };
  for (const button of all) button.addEventListener("click", () => choose(button.dataset[name]));
  const value = chosen(name);
  choose(all.some((button) => button.dataset[name] === value) ? value : initial);
  return choose;
}

// A list of which one is chosen.
export function list(id, initial, then) {
  const place = document.getElementById(id);
  const value = chosen(id);
  place.value = [...place.options].some((option) => option.value === value) ? value : initial;
  place.addEventListener("change", () => { remember(id, place.value); then(place.value); });
  then(place.value);
}
