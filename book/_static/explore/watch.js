// Watch it compute: two compressed networks, added up and run in the page by sums.js.
import { fromAddress, toAddress } from "./address.js";
import { button, html, placeOf, slider, svg } from "./elements.js";
import { built, embedded, falselyOn, opened, ran, truth, vectorOf } from "./sums.js";

const FILE = new URL("watch.safetensors", import.meta.url);
const MOST_ACTIVE = 6;
const ACROSS = 40; // neurons in a row of the small pictures
const EDGE = 1.55; // arrows that are longer end here, where the dial ends
const PAPER = [252, 252, 250], INK = [0, 114, 178];

/** The vector of an angle in degrees. */
export function vector(degrees) {
  const turn = (degrees * Math.PI) / 180;
  return [Math.cos(turn), Math.sin(turn)];
}

/** Circuits below `load`, no two alike: those that are not are replaced by the next that is free. */
export function distinct(circuits, load) {
  const taken = [];
  for (const wanted of circuits) {
    let circuit = Math.min(Math.max(Math.round(wanted) || 0, 0), load - 1);
    while (taken.includes(circuit)) circuit = (circuit + 1) % load;
    taken.push(circuit);
  }
  return taken;
}

/** What the networks make of circuits and angles: by network and layer vectors, errors, others on. */
export function watched(file, networks, active, angles) {
  const vectors = angles.map(vector);
  const wanted = active.map((t, n) => truth(file, t, vectors[n]));
  return networks.map((network) => {
    const states = ran(network, embedded(network, active, vectors));
    return states.slice(1).map((state, i) => {
      const arrows = active.map((t, n) => ({ read: vectorOf(network, state, t, i + 1), wanted: wanted[n][i + 1] }));
      const squares = arrows.map(({ read, wanted: [x, y] }) => (read[0] - x) ** 2 + (read[1] - y) ** 2);
      const error = Math.sqrt(squares.reduce((sum, square) => sum + square) / squares.length);
      return { state, arrows, error, others: falselyOn(network, state, active, i + 1) };
    });
  });
}

function dial(arrows) {
  const picture = svg("svg", { viewBox: "-1.7 -1.7 3.4 3.4", class: "watch-dial", "aria-hidden": "true" });
  picture.append(svg("circle", { r: 1.68, class: "watch-paper" }), svg("circle", { r: 1, class: "watch-unit" }));
  arrows.forEach(({ read, wanted }, n) => {
    const long = Math.hypot(...read);
    const [x, y] = long > EDGE ? read.map((v) => (v * EDGE) / long) : read;
    const group = svg("g", { class: `watch-circuit-${n}` });
    group.append(
      svg("line", { x1: wanted[0], y1: -wanted[1], x2: x, y2: -y, class: "watch-off" }),
      svg("line", { x1: 0, y1: 0, x2: wanted[0], y2: -wanted[1], class: "watch-true" }),
      svg("line", { x1: 0, y1: 0, x2: x, y2: -y, class: "watch-read" }),
      svg("circle", { cx: wanted[0], cy: -wanted[1], r: 0.13, class: "watch-true" }),
      svg("circle", { cx: x, cy: -y, r: 0.12, class: "watch-tip" }),
    );
    const far = 1.42 / Math.hypot(...wanted);
    group.append(svg("text", { x: wanted[0] * far, y: -wanted[1] * far + 0.13 }, String(n + 1)));
    picture.append(group);
  });
  return picture;
}

function neurons(state) {
  const high = Math.ceil(state.length / ACROSS);
  const canvas = html("canvas", { width: ACROSS, height: high, class: "watch-neurons", "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(ACROSS, high);
  for (let i = 0; i < ACROSS * high; i++) {
    const share = Math.min(state[i] ?? 0, 1);
    PAPER.forEach((paper, c) => { picture.data[4 * i + c] = paper + share * (INK[c] - paper); });
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

function line(words, value, name) {
  const made = html("p", { class: "watch-line" });
  made.append(html("span", { class: "watch-words" }, `${words} `), html("span", { "data-value": name }, value));
  return made;
}

const ANGLES = Array.from({ length: 72 }, (_, i) => 5 * i);

/** What is watched, as words for the address: circuits and angles are lists. */
export function wordsOf({ load, active, angles }) {
  return { T: String(load), circuits: active.join("-"), angles: angles.join("-") };
}

/** What such words say, where they name loads, circuits and angles that there are. */
export function watchedIn({ T, circuits, angles }, loads, start) {
  const load = loads.find((each) => String(each) === T) ?? start.load;
  const list = (words, fallback) => words?.match(/^\d+(-\d+)*$/)?.[0].split("-").map(Number) ?? fallback;
  const active = distinct(list(circuits, start.active).slice(0, MOST_ACTIVE), load);
  const turned = list(angles, start.angles);
  return { load, active, angles: active.map((_, n) => (ANGLES.includes(turned[n]) ? turned[n] : 0)) };
}

function build(root, file) {
  const { loads, start, words, networks: kinds } = file.about;
  const names = Object.keys(kinds);
  let now = watchedIn(fromAddress(Object.keys(wordsOf(start))), loads, start);
  let networks = [], held = null; // the load that they hold

  const stored = slider({ id: "watch-load", words: "circuits stored, T", values: loads,
    change: (load) => store({ ...now, load }) });
  const number = slider({ id: "watch-active", words: "active at once, k",
    values: Array.from({ length: MOST_ACTIVE }, (_, i) => i + 1), change: (count) => choose(count) });
  const chosen = html("fieldset", { class: "watch-chosen" });
  const table = html("table", { class: "watch-table" });
  const live = html("p", { class: "explore-reading", "aria-live": "polite" });
  root.replaceChildren(
    html("div", { class: "explore-pairs" }, ...[stored, number].map(({ nodes }) => html("div", {}, ...nodes))), chosen,
    html("div", { class: "explore-row" },
      button("Other circuits and inputs", () => choose(now.active.length, 0), { id: "watch-others" }),
      button("Reset", () => store(start), { class: "explore-button explore-reset" })),
    live, table,
  );

  /** So many circuits: those there are, but for the first `kept`, and others by chance. */
  function choose(count, kept = count) {
    const any = () => [Math.floor(Math.random() * now.load), 5 * Math.floor(Math.random() * 72)];
    const drawnNow = Array.from({ length: count }, (_, n) => (n < Math.min(kept, now.active.length) ? [now.active[n], now.angles[n]] : any()));
    store({ load: now.load, active: drawnNow.map(([circuit]) => circuit), angles: drawnNow.map(([, angle]) => angle) });
  }

  function store(next) {
    if (next.load !== held) networks = names.map((name) => built(file, name, next.load));
    held = next.load;
    now = { ...next, active: distinct(next.active, next.load), angles: [...next.angles] };
    list();
    draw();
  }

  /** The active circuits, each with its number and the angle of its input. */
  function list() {
    stored.show(now.load);
    number.show(now.active.length);
    chosen.replaceChildren(html("legend", {}, "Circuits, and angles of their inputs"));
    now.active.forEach((circuit, n) => {
      const row = html("div", { class: `watch-row watch-circuit-${n}` });
      const id = `watch-circuit-${n}`;
      const circuitOf = html("input", {
        id, type: "number", min: 0, max: now.load - 1, value: circuit, "aria-label": `circuit of arrow ${n + 1}, 0 to ${now.load - 1}`,
      });
      circuitOf.addEventListener("change", () => {
        const taken = now.active.filter((_, i) => i !== n);
        now.active[n] = distinct([...taken, Number(circuitOf.value)], now.load).at(-1);
        circuitOf.value = now.active[n];
        draw();
      });
      const turned = slider({ id: `watch-angle-${n}`, words: "angle", values: ANGLES, said: (degrees) => `${degrees}°`,
        change: (degrees) => { now.angles[n] = degrees; turned.show(degrees); draw(); } });
      turned.show(now.angles[n]);
      row.append(html("span", { class: "watch-badge", "aria-hidden": "true" }, String(n + 1)), circuitOf, ...turned.nodes);
      chosen.append(row);
    });
  }

  function draw() {
    toAddress(wordsOf(now), wordsOf(start));
    const found = watched(file, networks, now.active, now.angles);
    const head = html("tr");
    found[0].forEach((_, i) => head.append(html("th", { scope: "col" }, `layer ${i + 1}`)));
    table.replaceChildren(html("caption", {}, "Open tips: where vectors should be; full tips: where they are"), head);
    found.forEach((layers, which) => {
      const title = html("tr");
      title.append(html("th", { scope: "rowgroup", colspan: layers.length, class: "watch-title" }, words[names[which]]));
      const row = html("tr", { "data-network": names[which] });
      layers.forEach(({ state, arrows, error, others }) => {
        const cell = html("td");
        cell.append(dial(arrows), neurons(state), line("off by", error.toFixed(3), "error"));
        if (networks[which].read[0].on) cell.append(line("others on", String(others), "others"));
        row.append(cell);
      });
      table.append(title, row);
    });
    say(found);
  }

  function say([sequel, gated]) {
    const [widths, ends] = [networks.map(({ widths }) => widths[0]), [sequel.at(-1), gated.at(-1)]];
    const awake = ends[0].others ? `; ${ends[0].others} circuits that are off are read as on` : "";
    live.textContent = `${now.load} circuits stored, ${now.active.length} active. After ${sequel.length} layers the sequel's network, `
      + `${widths[0].toLocaleString("en")} neurons wide, is off by ${ends[0].error.toFixed(3)} of a vector's length${awake}; `
      + `the gated one, ${widths[1]} wide, by ${ends[1].error.toFixed(3)}.`;
  }
  store(now);
}

const root = placeOf("live-watch");
if (root) {
  const answer = await fetch(FILE);
  if (answer.ok) build(root, opened(await answer.arrayBuffer()));
}
