// The first page's figure: pour small networks into a large one, run some, follow the signal.
import { html, svg } from "./elements.js";
import { Large, arrow } from "./landing_network.js";
import { Picture, SWEEPS } from "./landing_picture.js";
import { described, ignition, nextStep, sentences } from "./landing_words.js";
import { opened } from "./sums.js";

const FILE = new URL("landing.safetensors", import.meta.url);
const AT_ONCE = 12; // milliseconds of a frame in which circuits are added
const MOST_ACTIVE = 3;

/** Circuits below `load`, no two alike: those that are not are replaced by the next that is free. */
export function stored(circuits, load) {
  return circuits.reduce((kept, wanted) => {
    let t = wanted < load ? wanted : 0;
    while (kept.includes(t)) t = (t + 1) % load;
    return [...kept, t];
  }, []);
}

/** What the network makes of a state: everything that is drawn and said. */
export function computed(network, state, about) {
  const active = stored(state.active.slice(0, state.k), network.load);
  const arrows = state.angles.slice(0, state.k).map(arrow);
  const layers = network.run(active, arrows, state.told);
  const untold = state.told && state.k > 1 ? network.run(active, arrows, false).at(-1).distance : 0;
  return { ...state, load: network.load, active, layers, untold, about, ignition: ignition(layers, about.ignited) };
}

/** The state in an address's last part, or null if there is none. */
export function parsed(hash, before, most) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  if (!given.has("T")) return null;
  const number = (name, low, high, otherwise) => {
    const value = Math.round(Number(given.get(name) ?? NaN));
    return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise;
  };
  const list = (name, fits, otherwise) => {
    const values = (given.get(name) ?? "").split(".").map(Number);
    return values.length === MOST_ACTIVE && values.every((v) => Number.isInteger(v) && fits(v)) ? values : otherwise;
  };
  const k = number("k", 1, MOST_ACTIVE, before.k);
  const active = list("a", (t) => t >= 0 && t < most, before.active);
  return {
    load: number("T", k, most, before.load),
    k,
    told: Boolean(number("told", 0, 1, Number(before.told))),
    active: new Set(active).size === MOST_ACTIVE ? active : before.active,
    angles: list("x", (degrees) => degrees >= 0 && degrees < 360, before.angles),
  };
}

export function written({ load, k, told, active, angles }) {
  return `#T=${load}&k=${k}&told=${Number(told)}&a=${active.join(".")}&x=${angles.join(".")}`;
}

/** A choice of one number among a few. */
function choice(legend, numbers, change) {
  const inputs = numbers.map((value) => html("input", { type: "radio", name: "landing-k", value }));
  inputs.forEach((input, i) => input.addEventListener("change", () => change(numbers[i])));
  const labels = inputs.map((input, i) => html("label", {}, input, html("span", {}, String(numbers[i]))));
  return [html("fieldset", { class: "landing-k" }, html("legend", {}, legend), html("div", {}, ...labels)), inputs];
}

/** Above the slider: how much misfires in the last layer, and how many would fit with private neurons. */
class Curve {
  constructor(about, most) {
    [this.about, this.most] = [about, most];
    this.area = svg("path");
    this.mark = html("span", { class: "landing-mark" }, `${about.side_by_side} fit with private neurons`);
    const picture = svg("svg", { viewBox: "0 0 1 0.5", preserveAspectRatio: "none" }, this.area);
    const words = html("span", { class: "landing-risk" }, "misfiring");
    this.node = html("div", { class: "landing-curve", "aria-hidden": "true" }, picture, this.mark, words);
  }

  show({ k, told }) {
    const along = (load) => (load - k) / (this.most - k);
    const points = told ? [] : this.about.curves[k].map(([load, share]) => `L${along(load)} ${0.5 - share}`);
    this.area.setAttribute("d", points.length ? `M0 .5${points.join("")}V.5Z` : "");
    this.mark.style.setProperty("--at", along(this.about.side_by_side));
  }
}

function build(root, file) {
  const { about } = file;
  const network = new Large(file);
  const start = { ...about.start, k: 1, told: false };
  let state = parsed(location.hash, start, network.most) ?? start;
  let [now, pour, sweep, frame] = [null, null, 0, 0];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const say = html("p", { class: "landing-say" });
  const next = html("button", { type: "button", class: "landing-next" });
  const canvas = html("canvas", { role: "img", class: "landing-picture", "aria-label": "Small networks in a large one" });
  const slider = html("input", { type: "range", id: "landing-load", max: network.most, step: 1 });
  const output = html("output", { for: "landing-load" });
  const curve = new Curve(about, network.most);
  const load = html("div", { class: "landing-load" },
    html("label", { for: "landing-load" }, html("span", {}, "small networks inside"), output), curve.node, slider);
  const [count, radios] = choice("active at once", [1, 2, 3], (k) => go({ k }));
  const again = html("button", { type: "button", class: "landing-again" }, "Another input");
  const told = html("input", { type: "checkbox", role: "switch" });
  const door = html("label", { class: "landing-told" }, told, html("i"), "tell it who is active");
  const status = html("p", { class: "landing-status", role: "status" });
  const top = html("div", { class: "landing-top" }, say, next);
  root.replaceChildren(top, load, canvas, count, again, door, status);
  root.hidden = false;
  const picture = new Picture(canvas, network, about);

  /** Another state: by pouring and a sweep of the signal, or at once. */
  function go(change, { quick = calm.matches, keep = false } = {}) {
    const before = network.load;
    state = { ...state, ...change };
    state.load = Math.max(state.load, state.k);
    pour = null;
    if (state.load !== before && !quick) {
      const many = Math.abs(state.load - before);
      pour = { from: before, start: performance.now(), long: state.load > before ? Math.min(2800, 500 + 18 * many) : 600, every: Math.ceil(many / 60) };
    }
    sweep = quick || pour ? 0 : performance.now();
    knobs();
    if (!keep) history.replaceState(null, "", written(state));
    if (network.load === state.load) settle();
    frame ||= requestAnimationFrame(step);
  }

  /** A frame: so many networks as should be inside by now, as far as the time allows. */
  function step(time) {
    frame = 0;
    const share = pour ? Math.min(1, Math.max(0, (time - pour.start) / pour.long)) : 1;
    const eased = share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) ** 2;
    const wanted = pour ? Math.round(pour.from + (state.load - pour.from) * eased) : state.load;
    const before = network.load;
    if (before !== wanted) {
      network.hold(wanted, AT_ONCE);
      const fresh = Array.from({ length: Math.max(0, network.load - before) }, (_, i) => before + i);
      if (pour) picture.pour(fresh.filter((t) => t % pour.every === 0), network.load, time);
      show();
    }
    if (network.load === state.load && share === 1 && (pour || before !== wanted)) { pour = null; settle(); }
    if (now) picture.paint(now, time, sweep);
    if (sweep && time > sweep + SWEEPS(network.layers)) sweep = 0;
    if (pour || sweep || picture.moving(time) || network.load !== state.load) frame ||= requestAnimationFrame(step);
  }

  /** Computes, and says what came out. */
  function show() {
    if (network.load < state.k) return;
    now = computed(network, state, about);
    const said = sentences(now).map((part) => (Array.isArray(part) ? html("b", {}, ...part) : part));
    say.replaceChildren(...said);
  }

  function settle() {
    show();
    const words = described(now);
    canvas.setAttribute("aria-label", `${now.load} small networks in one large network, ${now.active.length} active. ${words}`);
    status.textContent = `${say.textContent} ${words}`;
  }

  function knobs() {
    slider.min = state.k;
    slider.value = state.load;
    output.textContent = state.load;
    told.checked = state.told;
    radios.forEach((radio) => { radio.checked = Number(radio.value) === state.k; });
    curve.show(state);
    next.textContent = `${nextStep(state, about)[0]} →`;
  }

  next.addEventListener("click", () => go(nextStep(state, about)[1]));
  slider.addEventListener("input", () => go({ load: Number(slider.value) }, { quick: true }));
  told.addEventListener("change", () => go({ told: told.checked }));
  again.addEventListener("click", () => {
    const any = (below) => Math.floor(Math.random() * below);
    const among = Math.max(MOST_ACTIVE, state.load);
    const active = stored(Array.from({ length: MOST_ACTIVE }, () => any(among)), among);
    go({ active, angles: active.map(() => any(360)) });
  });
  addEventListener("hashchange", () => {
    const given = parsed(location.hash, state, network.most);
    if (given) go(given, { keep: true });
  });
  const repaint = () => { picture.fit(); if (now) picture.paint(now, performance.now(), sweep); };
  new ResizeObserver(repaint).observe(root);
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  network.hold(state.k);
  go({}, { keep: true });
}

const root = globalThis.document?.getElementById("landing");
if (root) {
  try {
    const answer = await fetch(FILE);
    build(root, opened(await answer.arrayBuffer()));
  } catch (error) {
    document.documentElement.classList.remove("landing-runs"); // the still picture comes back
    throw error;
  }
}
