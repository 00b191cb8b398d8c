// Watch it compute: two compressed networks, added up and run in the page by sums.js.
import { html, svg } from "./elements.js";
import { built, embedded, falselyOn, opened, ran, truth, vectorOf } from "./sums.js";

const FILE = new URL("watch.safetensors", import.meta.url);
const MOST_ACTIVE = 6;
const ACROSS = 25; // neurons in a row of the small pictures
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

/** A control with its label and what it says. */
function slider(label, attributes, said, change) {
  const input = html("input", { type: "range", ...attributes });
  const output = html("output", { for: attributes.id });
  const show = () => {
    output.textContent = said(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  const words = html("label", { for: attributes.id });
  words.append(html("span", {}, label), output);
  input.addEventListener("input", () => { show(); change(Number(input.value)); });
  show();
  return [words, input];
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

function build(root, file) {
  const { loads, start, words, networks: kinds } = file.about;
  const names = Object.keys(kinds);
  const now = { load: start.load, active: [...start.active], angles: [...start.angles] };
  let networks = [];

  const controls = html("div", { class: "explore-controls" });
  const last = { type: "range", min: 0, step: 1 };
  controls.append(
    ...slider("circuits stored, T", { ...last, id: "watch-load", max: loads.length - 1, value: loads.indexOf(now.load) },
      (i) => String(loads[i]), (i) => { now.load = loads[i]; store(); }),
    ...slider("active at once, k", { ...last, id: "watch-active", min: 1, max: MOST_ACTIVE, value: now.active.length },
      String, choose),
  );
  const others = html("button", { type: "button", id: "watch-others", class: "explore-button" }, "Other circuits and inputs");
  others.addEventListener("click", () => choose(now.active.length, 0));
  const chosen = html("fieldset", { class: "watch-chosen" });
  const table = html("table", { class: "watch-table" });
  const live = html("p", { class: "explore-reading", "aria-live": "polite" });
  root.replaceChildren(controls, chosen, others, table, live);

  /** So many circuits: those there are, but for the first `kept`, and others by chance. */
  function choose(count, kept = count) {
    const any = () => [Math.floor(Math.random() * now.load), 5 * Math.floor(Math.random() * 72)];
    const drawnNow = Array.from({ length: count }, (_, n) => (n < Math.min(kept, now.active.length) ? [now.active[n], now.angles[n]] : any()));
    now.active = distinct(drawnNow.map(([circuit]) => circuit), now.load);
    now.angles = drawnNow.map(([, angle]) => angle);
    list();
    draw();
  }

  function store() {
    networks = names.map((name) => built(file, name, now.load));
    now.active = distinct(now.active, now.load);
    list();
    draw();
  }

  /** The active circuits, each with its number and the angle of its input. */
  function list() {
    chosen.replaceChildren(html("legend", {}, "Active circuits, and the angles of their inputs"));
    now.active.forEach((circuit, n) => {
      const row = html("div", { class: `watch-row watch-circuit-${n}` });
      const id = `watch-circuit-${n}`;
      const number = html("input", {
        id, type: "number", min: 0, max: now.load - 1, value: circuit, "aria-label": `circuit of arrow ${n + 1}, 0 to ${now.load - 1}`,
      });
      number.addEventListener("change", () => {
        const taken = now.active.filter((_, i) => i !== n);
        now.active[n] = distinct([...taken, Number(number.value)], now.load).at(-1);
        number.value = now.active[n];
        draw();
      });
      const turned = slider("angle", { id: `watch-angle-${n}`, min: 0, max: 355, step: 5, value: now.angles[n] },
        (degrees) => `${degrees}°`, (degrees) => { now.angles[n] = degrees; draw(); });
      row.append(html("span", { class: "watch-badge", "aria-hidden": "true" }, String(n + 1)), number, ...turned);
      chosen.append(row);
    });
  }

  function draw() {
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
  store();
}

const root = globalThis.document?.getElementById("watch-it");
if (root) {
  const answer = await fetch(FILE);
  if (answer.ok) build(root, opened(await answer.arrayBuffer()));
}
