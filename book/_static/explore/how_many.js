// How many fit? Sliders, what the book's laws make of them, and what was measured.
import { fromAddress, toAddress } from "./address.js";
import { button, html, placeOf, slider } from "./elements.js";
import { MEASURED, ROWS, START } from "./formulas.js";
import { capacity, carriersOf } from "./law.js";

const LEAST_DECADES = 5; // of the axis

/** Whole numbers from low to high. */
const whole = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => low + i);

/** Whole numbers from 64 on, 64 to each doubling. */
export function doublings(times) {
  const steps = whole(0, 64 * times - 1).map((i) => 2 ** Math.floor(i / 64) * (64 + (i % 64)));
  return [...steps, 64 * 2 ** times];
}

/** A number as people write it: whole, with spaces between thousands. */
export function spoken(value) {
  return Math.floor(value).toLocaleString("en").replaceAll(",", "\u202f");
}

const SLIDERS = [
  { name: "D", words: "D, dimensions of the stream", values: doublings(8) },
  { name: "M", words: "M, large neurons in a layer", values: doublings(10) },
  { name: "d", words: "d, width of a circuit", values: whole(1, 64) },
  { name: "m", words: "m, neurons of a circuit in a layer", values: whole(1, 128) },
  { name: "k", words: "k, circuits active at once", values: whole(1, 100) },
  { name: "r", words: "r, carriers of a small neuron", values: [null, ...whole(1, 32)] },
  { name: "tolerance", words: "error allowed",
    values: whole(1, 100).map((i) => i / 100) },
];

/** A slider's value in words. */
export function said(name, sizes) {
  if (name === "tolerance") {
    return `${Math.round(100 * sizes.tolerance)}\u202f% of doing nothing`;
  }
  if (name === "r" && sizes.r === null) return `ln M = ${carriersOf(sizes)}`;
  return spoken(sizes[name]);
}

/** Circuits that fit, by row; null where a row says nothing. */
export function capacities(sizes) {
  const found = ({ layers, count, holds }) => {
    if (holds && !holds(sizes)) return null;
    return layers ? capacity(sizes, layers) : count(sizes);
  };
  return Object.fromEntries(ROWS.map((row) => [row.name, found(row)]));
}

/** What was measured at these sizes, by row: mean, least and most. */
export function measuredAt(sizes) {
  const others = Object.keys(START).filter((name) => name !== "D" && name !== "M");
  const same = sizes.M === 2 * sizes.D && others.every((name) => sizes[name] === START[name]);
  const points = same ? MEASURED.filter(({ D }) => D === sizes.D) : [];
  return Object.fromEntries(points.map((point) =>
    [ROWS.find(({ layers }) => layers === point.layers).name, point]));
}

/** What the numbers come to, in words. */
export function reading({ private: alone, one, four }) {
  if (one < 1) return "No circuit of the post's network computes within this error.";
  const times = (n) => (n / alone).toLocaleString("en", { maximumSignificantDigits: 2 });
  if (one <= alone) return "Even with one layer no more than with private neurons: superposition does not pay here.";
  if (four <= alone) return `With one layer ${times(one)} times as many as with private neurons; with four no more.`;
  return `With one layer ${times(one)} times as many as with private neurons; with four ${times(four)} times.`;
}

/** Sizes as the address says them, where it names values of sliders. */
export function sizesOf(words) {
  const known = SLIDERS.map(({ name, values }) =>
    [name, values.find((value) => String(value) === words[name]) ?? START[name]]);
  return Object.fromEntries(known);
}

const wordsOf = (sizes) =>
  Object.fromEntries(Object.entries(sizes).map(([name, value]) => [name, String(value)]));

/** A row of the table: words, number, bar, and the point that was measured. */
function drawnRow({ name, words, only }) {
  const bar = html("span", { class: `explore-bar explore-${name}` });
  const point = html("span", { class: "explore-point" });
  const number = html("td", { class: "explore-number", role: "cell", "data-row": name });
  const row = html("tr", { role: "row" }, html("th", { scope: "row", role: "rowheader" }, words), number,
    html("td", { class: "explore-track", "aria-hidden": "true" }, bar, point));
  const draw = (value, measured, at) => {
    const shown = value === 0 ? "none" : spoken(value ?? 0);
    number.replaceChildren(html("span", { "data-value": name }, value === null ? only : shown));
    number.classList.toggle("explore-only", value === null);
    bar.hidden = value === null;
    bar.style.width = at(value);
    point.hidden = !measured;
    if (!measured) return;
    point.style.left = at(measured.min);
    point.style.width = `calc(${at(measured.max)} - ${at(measured.min)})`;
    number.prepend(html("small", { "data-measured": name }, `measured ${spoken(measured.mean + 0.5)}`));
  };
  return { name, row, draw };
}

/** The axis below the bars: powers of ten. */
function drawnAxis() {
  const ticks = html("td", { class: "explore-ticks" });
  const row = html("tr", { class: "explore-axis", "aria-hidden": "true" },
    html("th", {}), html("td", {}), ticks);
  const draw = (decades) => ticks.replaceChildren(...whole(0, decades).map((i) => {
    const tick = html("span", {}, i < 4 ? spoken(10 ** i) : html("span", {}, "10", html("sup", {}, String(i))));
    tick.style.left = `${(100 * i) / decades}%`;
    return tick;
  }));
  return { row, draw };
}

function build(root) {
  const start = wordsOf(START);
  let sizes = sizesOf(fromAddress(Object.keys(START)));
  const rows = ROWS.map(drawnRow);
  const axis = drawnAxis();
  const legend = html("span", { class: "explore-legend" }, html("span", { class: "explore-point" }), "measured");
  // roles, because a phone shows rows as blocks
  const table = html("table", { class: "explore-bars", role: "table" },
    html("caption", {}, "How many circuits fit", legend), ...rows.map(({ row }) => row), axis.row);
  const live = html("p", { class: "explore-reading", "aria-live": "polite" });
  const sliders = SLIDERS.map((each) => ({
    name: each.name,
    ...slider({ ...each, id: `explore-${each.name}`, said: () => said(each.name, sizes),
      change: (value) => show({ ...sizes, [each.name]: value }) }),
  }));
  const places = [...new Set(MEASURED.map(({ D }) => D))].map((D) => button(String(D),
    () => show({ ...START, D, M: 2 * D }), { "data-measured-at": D, "aria-pressed": "false" }));
  const controls = html("div", { class: "explore-pairs" },
    ...sliders.map(({ nodes }) => html("div", {}, ...nodes)));
  root.replaceChildren(table, live, controls, html("div", { class: "explore-row" },
    html("span", { id: "explore-places" }, "Measured at D ="),
    html("span", { role: "group", "aria-labelledby": "explore-places", class: "explore-group" }, ...places),
    button("Reset", () => show(START), { class: "explore-button explore-reset" })));

  function show(chosen) {
    sizes = chosen;
    const [found, points] = [capacities(sizes), measuredAt(sizes)];
    const largest = Math.max(...Object.values(found).map((n) => n ?? 0));
    const decades = Math.max(LEAST_DECADES, Math.ceil(Math.log10(largest)));
    const at = (value) => `${value > 1 ? (100 * Math.log10(value)) / decades : 0}%`;
    for (const { name, show: set } of sliders) set(sizes[name]);
    for (const { name, draw } of rows) draw(found[name], points[name], at);
    for (const place of places) {
      place.setAttribute("aria-pressed", place.textContent === String(sizes.D) && "one" in points);
    }
    axis.draw(decades);
    table.style.setProperty("--decades", decades);
    live.textContent = reading(found);
    toAddress(wordsOf(sizes), start);
  }
  show(sizes);
}

const root = placeOf("live-how-many");
if (root) build(root);
