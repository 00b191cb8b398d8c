// How many fit? Sliders, and what the book's formulas make of them: formulas.js.
import { html } from "./elements.js";
import { ROWS, START } from "./formulas.js";

// steps: of equal ratio, for wide ranges; without them values go up by one
const SLIDERS = [
  { name: "D", label: "D, dimensions of the stream", low: 64, high: 16384, steps: 512 },
  { name: "M", label: "M, large neurons", low: 64, high: 65536, steps: 640 },
  { name: "d", label: "d, width of a circuit", low: 1, high: 64 },
  { name: "m", label: "m, neurons of a circuit", low: 1, high: 128 },
  { name: "k", label: "k, circuits active at once", low: 1, high: 100 },
  { name: "r", label: "r, large neurons that carry each small one", low: 1, high: 32 },
  { name: "nu", label: "ν, noise allowed, as a share of what a neuron is to hear",
    low: 0.001, high: 1, steps: 600 },
];

/** Circuits that fit, by row; null where a row says nothing. */
export function capacities(sizes) {
  return Object.fromEntries(
    ROWS.map(({ name, holds, count }) => [name, holds(sizes) ? count(sizes) : null]),
  );
}

/** A number as people write it: whole, with spaces between thousands. */
export function spoken(value) {
  return Math.floor(value).toLocaleString("en").replaceAll(",", "\u202f");
}

/** All values of a slider, each another; whole, but for those up to one. */
export function valuesOf({ low, high, steps }) {
  if (!steps) return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const rounded = (value) => (high <= 1 ? Number(value.toPrecision(3)) : Math.round(value));
  const all = Array.from({ length: steps + 1 }, (_, i) => low * (high / low) ** (i / steps));
  return [...new Set(all.map(rounded))];
}

/** What the numbers come to, in words. */
export function reading(found) {
  const gain = found.two / found.private;
  if (gain <= 1) {
    return "Over two layers or more, no more than side by side: superposition does not pay here.";
  }
  const times = gain.toLocaleString("en", { maximumSignificantDigits: 2 });
  return `Over two layers or more, ${times} times as many as side by side.`;
}

/** A label and a slider whose every step is seen; change hears of its value. */
function control(slider, change) {
  const id = `explore-${slider.name}`;
  const steps = valuesOf(slider);
  const shown = html("output", { for: id });
  const label = html("label", { for: id });
  const input = html("input", {
    id, type: "range", min: 0, max: steps.length - 1, step: 1,
    value: steps.indexOf(START[slider.name]),
  });
  const say = () => {
    const value = steps[Number(input.value)];
    const said = value.toLocaleString("en", { maximumSignificantDigits: 6 });
    shown.textContent = said;
    input.setAttribute("aria-valuetext", said);
    change(slider.name, value);
  };
  label.append(html("span", {}, slider.label), shown);
  input.addEventListener("input", say);
  return { nodes: [label, input], say };
}

/** A row of the table: words, number, bar. */
function drawnRow({ name, words, only }) {
  const row = html("tr");
  const bar = html("span", { class: `explore-bar explore-${name}` });
  const number = html("td", { class: "explore-number", "data-row": name });
  const track = html("td", { class: "explore-track", "aria-hidden": "true" });
  track.append(bar);
  row.append(html("th", { scope: "row" }, words), number, track);
  const draw = (value, largest) => {
    number.textContent = value === null ? only : spoken(value);
    number.classList.toggle("explore-only", value === null);
    bar.style.width = `${value > 1 ? 100 * Math.log(value) / Math.log(largest) : 0}%`;
  };
  return { name, row, draw };
}

function build(root) {
  const values = { ...START };
  const rows = ROWS.map(drawnRow);
  const table = html("table", { class: "explore-bars" });
  const caption = html("caption", {}, "How many circuits fit");
  caption.append(html("span", { class: "explore-scale" }, " (bars: logarithmic)"));
  table.append(caption, ...rows.map(({ row }) => row));
  const live = html("p", { class: "explore-reading", "aria-live": "polite" });
  const all = SLIDERS.map((slider) => control(slider, (name, value) => {
    values[name] = value;
    const found = capacities(values);
    const largest = Math.max(10, ...Object.values(found).map((each) => each ?? 0));
    for (const { name: row, draw } of rows) draw(found[row], largest);
    live.textContent = reading(found);
  }));
  const controls = html("div", { class: "explore-controls" });
  controls.append(...all.flatMap(({ nodes }) => nodes));
  root.replaceChildren(controls, table, live);
  for (const { say } of all) say();
}

const root = globalThis.document?.getElementById("how-many-fit");
if (root) build(root);
