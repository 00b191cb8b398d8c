// How many fit? Sliders, and what the book's formulas make of them: formulas.js.
import { ROWS, START } from "./formulas.js";

const SLIDERS = [
  { name: "D", label: "D, dimensions of the stream", low: 64, high: 16384, log: true },
  { name: "M", label: "M, large neurons", low: 64, high: 65536, log: true },
  { name: "d", label: "d, width of a circuit", low: 1, high: 64 },
  { name: "m", label: "m, neurons of a circuit", low: 1, high: 128 },
  { name: "k", label: "k, circuits active at once", low: 1, high: 100 },
  { name: "r", label: "r, neurons that carry each", low: 1, high: 32 },
  { name: "nu", label: "ν, noise allowed", low: 0.001, high: 1, log: true },
];

/** Circuits that fit, by row; null where a row says nothing. */
export function capacities(sizes) {
  return Object.fromEntries(
    ROWS.map(({ name, holds, count }) => [name, holds(sizes) ? count(sizes) : null]),
  );
}

/** A number as people write it: whole, with spaces between thousands. */
export function spoken(value) {
  return value === null ? "–" : Math.floor(value).toLocaleString("en").replaceAll(",", "\u202f");
}

function element(kind, attributes = {}, text = "") {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

/** The value of a slider: whole, but for ν; by its logarithm where the range is wide. */
export function valueOf({ low, high, log }, share) {
  const value = log ? low * (high / low) ** share : low + share * (high - low);
  return high <= 1 ? Number(value.toPrecision(2)) : Math.round(value);
}

function shareOf({ low, high, log }, value) {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

function build(root) {
  const values = { ...START };
  const controls = element("div", { class: "explore-controls" });
  for (const slider of SLIDERS) {
    const id = `explore-${slider.name}`;
    const label = element("label", { for: id });
    const shown = element("output", { for: id });
    const input = element("input", {
      id, type: "range", min: 0, max: 1, step: 0.001, value: shareOf(slider, START[slider.name]),
    });
    const change = () => {
      values[slider.name] = valueOf(slider, Number(input.value));
      const said = values[slider.name].toLocaleString("en", { maximumSignificantDigits: 6 });
      shown.textContent = said;
      input.setAttribute("aria-valuetext", said);
      draw();
    };
    label.append(element("span", {}, slider.label), shown);
    input.addEventListener("input", change);
    controls.append(label, input);
    slider.change = change;
  }
  const table = element("table", { class: "explore-bars" });
  table.append(element("caption", {}, "How many circuits fit"));
  const rows = ROWS.map(({ name, words }) => {
    const row = element("tr");
    const bar = element("span", { class: `explore-bar explore-${name}` });
    const number = element("td", { class: "explore-number", "data-row": name });
    const cell = element("td", { class: "explore-track", "aria-hidden": "true" });
    cell.append(bar);
    row.append(element("th", { scope: "row" }, words), number, cell);
    table.append(row);
    return { name, bar, number };
  });
  const live = element("p", { class: "explore-reading", "aria-live": "polite" });
  root.replaceChildren(controls, table, live);

  function draw() {
    const found = capacities(values);
    const largest = Math.max(10, ...Object.values(found).map((value) => value ?? 0));
    for (const { name, bar, number } of rows) {
      const value = found[name];
      number.textContent = spoken(value);
      const share = value > 1 ? Math.log(value) / Math.log(largest) : 0;
      bar.style.width = `${100 * share}%`;
    }
    const gain = found.two / found.private;
    live.textContent = gain > 1
      ? `Over two layers or more, ${gain.toPrecision(2)} times as many as side by side.`
      : "Over two layers or more, no more than side by side: superposition does not pay here.";
  }
  SLIDERS.forEach((slider) => slider.change());
}

const root = globalThis.document?.getElementById("how-many-fit");
if (root) build(root);
