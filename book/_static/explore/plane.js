// Two points share one line: circuits picked on a plane, and where their slots meet.
import { fromAddress, toAddress } from "./address.js";
import { button, filled, html, placeOf, slider, svg } from "./elements.js";
import {
  circuitsOf, counts, joining, largestR, lineOf, pieces, same, slopeOf,
} from "./plane_code.js";
import { GATES, ORDERS, START } from "./plane_start.js";
import {
  codeOf, nameOf, onPlane, pairsOf, pickedOn, planeIn, reading, wordsOf,
} from "./plane_words.js";

const SHAPES = [
  ["circle", { r: 0.32 }],
  ["rect", { x: -0.3, y: -0.3, width: 0.6, height: 0.6 }],
  ["path", { d: "M0,-0.43 L0.42,0.32 L-0.42,0.32 Z" }],
];
const COUNTED = {
  circuits: "circuits, q²",
  slots: "slots of each code, q·r",
  on_a_slot: "circuits on each slot, q",
  neurons: `neurons of a layer at width ${START.width}, ${START.width + GATES}·q·r`,
  private: `the same circuits with private neurons, ${START.width}·q²`,
};

/** A circuit's sign: its number in a shape of its own. */
function mark(i) {
  const [kind, size] = SHAPES[i];
  const number = svg("text", { y: i === 2 ? 0.06 : 0, dy: "0.36em" }, String(i + 1));
  return svg("g", { class: `plane-mark plane-${i + 1}` }, svg(kind, size), number);
}

/** The plane: points that can be picked by mouse, touch and keys. */
function drawnPlane(pick) {
  const root = svg("svg", { class: "plane-points" });
  const layer = svg("g", { "aria-hidden": "true" });
  let q, cells;

  function go(to) {
    for (const cell of cells.values()) cell.setAttribute("tabindex", -1);
    cells.get(String(to)).setAttribute("tabindex", 0);
    return cells.get(String(to));
  }
  function press(event, [x, y]) {
    const steps = { ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y + 1],
      ArrowDown: [x, y - 1], Home: [0, y], End: [q - 1, y] };
    const to = steps[event.key];
    if (to) go(to.map((at) => Math.min(Math.max(at, 0), q - 1))).focus();
    else if (event.key === "Enter" || event.key === " ") pick([x, y]);
    else return;
    event.preventDefault();
  }
  function cell(circuit) {
    const [x, y] = circuit;
    const made = svg("g", { role: "gridcell", tabindex: -1, "data-circuit": circuit },
      svg("rect", { x: x - 0.5, y: q - 1.5 - y, width: 1, height: 1 }));
    made.addEventListener("click", () => { go(circuit); pick(circuit); });
    made.addEventListener("keydown", (event) => press(event, circuit));
    cells.set(String(circuit), made);
    return made;
  }
  return {
    root,
    resize(order, circuits) {
      q = order;
      cells = new Map();
      root.setAttribute("viewBox", `-1.1 -0.6 ${q + 0.7} ${q + 0.7}`);
      const each = Array.from({ length: q }, (_, i) => i);
      const rows = each.map((i) => svg("g", { role: "row" },
        ...each.map((x) => cell([x, q - 1 - i]))));
      const axes = each.flatMap((i) => [
        svg("text", { x: i, y: q - 0.25, class: "plane-axis" }, String(i)),
        svg("text", { x: -0.8, y: q - 1 - i, dy: "0.36em", class: "plane-axis" }, String(i)),
      ]);
      root.replaceChildren(svg("g", { "aria-hidden": "true" }, ...axes), layer,
        svg("g", { role: "grid", "aria-label": "Circuits, points of the plane: arrow keys move, "
          + "Enter picks", "aria-multiselectable": "true" }, ...rows));
      go(circuits[0] ?? [0, 0]);
    },
    draw(lines, crosses, circuits) {
      const up = ([x, y]) => `translate(${x} ${q - 1 - y})`;
      const most = Math.max(1, ...circuits.map((_, i) => lines.filter((each) => each.i === i).length));
      layer.setAttribute("style", `--plane-faint: ${Math.min(1, 4 / most)}`);
      layer.replaceChildren(
        ...lines.map(({ i, slope, line, strong }) => svg("path", {
          class: `plane-line plane-${i + 1}${strong ? " plane-common" : ""}`,
          d: pieces(q, slope, line).map(([x, y, u, v]) =>
            `M${x},${q - 1 - y}L${u},${q - 1 - v}`).join(""),
        })),
        ...circuitsOf(q).map((at) => svg("circle",
          { r: 0.09, transform: up(at), class: "plane-dot" })),
        ...crosses.map((at) => svg("path",
          { d: "M-.2,-.2L.2,.2M-.2,.2L.2,-.2", transform: up(at), class: "plane-cross" })),
        ...circuits.map((at, i) => filled(mark(i), { transform: up(at) })),
      );
      for (const at of circuitsOf(q)) {
        const i = circuits.findIndex((each) => same(each, at));
        const cross = crosses.some((each) => same(each, at)) ? ", joins 1 and 2" : "";
        filled(cells.get(String(at)), { "aria-selected": i >= 0,
          "aria-label": `x ${at[0]}, y ${at[1]}${i >= 0 ? `: circuit ${i + 1}` : ""}${cross}` });
      }
    },
  };
}

/** The slots: a row for each slope, a column for each of its lines. */
function drawnSlots(show) {
  const root = html("table", { class: "plane-slots" });
  let rows, buttons;

  function choose(words, from, to) {
    const button = html("button", { type: "button", "aria-pressed": "false" }, words);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "false";
      for (const each of buttons) each.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", on);
      show(on ? [from, to] : null);
    });
    buttons.push(button);
    return button;
  }
  return {
    root,
    resize(q, r) {
      [rows, buttons] = [[], []];
      const head = html("tr", {}, html("th", { scope: "col" }, "line"));
      for (let line = 0; line < q; line += 1) {
        head.append(html("th", { scope: "col" }, String(line)));
      }
      const codes = [0, 1].map((code) => {
        const words = `code ${"AB"[code]}: ${r * q} slots`;
        const body = html("tbody", {}, html("tr", {}, html("th",
          { colspan: q + 1, scope: "rowgroup" }, choose(words, code * r, (code + 1) * r))));
        for (let slope = code * r; slope < (code + 1) * r; slope += 1) {
          const cells = Array.from({ length: q }, (_, line) =>
            html("td", { "data-slot": slope * q + line }));
          rows.push(cells);
          body.append(html("tr", {}, html("th", { scope: "row" },
            choose(nameOf(q, slope), slope, slope + 1)), ...cells));
        }
        return body;
      });
      root.replaceChildren(html("caption", {}, "Their slots"), html("thead", {}, head), ...codes);
    },
    draw(lines) {
      for (const cell of rows.flat()) {
        cell.replaceChildren();
        cell.classList.remove("plane-shared");
      }
      for (const { i, slope, line, strong } of lines) {
        const cell = rows[slope][line];
        cell.append(svg("svg", { viewBox: "-0.5 -0.5 1 1", role: "img",
          "aria-label": `circuit ${i + 1}` }, mark(i)));
        cell.classList.toggle("plane-shared", strong);
      }
    },
  };
}

/** Why two circuits meet once at most: one equation for the slope of their line. */
function drawnReasons() {
  const root = html("table", { class: "plane-reasons" });
  const row = (kind, ...texts) =>
    html("tr", {}, ...texts.map((text) => html(kind, kind === "th" ? { scope: "col" } : {}, text)));
  return {
    root,
    draw(q, r, circuits) {
      const pairs = pairsOf(circuits.length).map(([i, j]) => {
        const { run, rise, slope } = slopeOf(q, circuits[i], circuits[j]);
        const used = slope < 2 * r ? codeOf(r, slope) : "neither";
        const only = slope === q ? "no s, vertical" : `s = ${slope}`;
        return row("td", `${i + 1} and ${j + 1}`, `${run}·s = ${rise}`, only, used);
      });
      root.hidden = !pairs.length;
      root.replaceChildren(html("caption", {}, "Why at most one"), html("thead", {},
        row("th", "circuits", `modulo ${q}`, "only if", "code")), html("tbody", {}, ...pairs));
    },
  };
}

function drawnCounts() {
  const cells = Object.entries(COUNTED).map(([name, words]) => {
    const number = html("td", { class: "explore-number", "data-count": name });
    return { name, number, row: html("tr", {}, html("th", { scope: "row" }, words), number) };
  });
  const root = html("table", { class: "plane-counts" }, html("caption", {}, "How many"),
    html("tbody", {}, ...cells.map(({ row }) => row)));
  const draw = (found) => cells.forEach(({ name, number }) => { number.textContent = found[name]; });
  return { root, draw };
}

function build(root) {
  const names = Object.keys(wordsOf(START));
  let { q, r, circuits: picks } = planeIn(fromAddress(names)); // picks: those off a smaller plane, too
  let shown = null; // slopes from … to, or all
  const plane = drawnPlane((circuit) => { picks = pickedOn(picks, q, circuit); draw(); });
  const slots = drawnSlots((slopes) => { shown = slopes; draw(); });
  const [reasons, numbers] = [drawnReasons(), drawnCounts()];
  const rs = () => Array.from({ length: largestR(q) }, (_, i) => i + 1);
  const order = slider({ id: "plane-q", words: "q, order of the plane", values: ORDERS,
    change: (value) => resize(value, Math.min(r, largestR(value))) });
  const redundancy = slider({ id: "plane-r", words: "r, slots of a circuit in each code",
    change: (value) => resize(q, value) });
  const clear = button("Clear", () => { picks = []; draw(); }, { class: "explore-button plane-clear" });
  const reset = button("Reset", () => { picks = START.circuits; resize(START.q, START.r); },
    { class: "explore-button explore-reset" });
  const live = html("p", { class: "explore-reading", "aria-live": "polite" });
  root.replaceChildren(
    html("div", { class: "explore-pairs" }, ...[order, redundancy].map(({ nodes }) => html("div", {}, ...nodes))),
    html("div", { class: "plane-panels" },
      html("div", {}, html("p", { class: "plane-title" }, html("span", {}, "Circuits"), clear, reset), plane.root, live),
      html("div", {}, slots.root, reasons.root), numbers.root),
  );

  function resize(newQ, newR) {
    [q, r, shown] = [newQ, newR, null];
    order.show(q);
    redundancy.show(r, rs());
    plane.resize(q, onPlane(picks, q));
    slots.resize(q, r);
    draw();
  }
  function draw() {
    const circuits = onPlane(picks, q);
    const slopes = Array.from({ length: 2 * r }, (_, slope) => slope);
    const lines = circuits.flatMap((at, i) => slopes.map((slope) => {
      const line = lineOf(q, slope, at);
      const strong = circuits.some((other) => other !== at && lineOf(q, slope, other) === line);
      return { i, slope, line, strong };
    }));
    const some = lines.filter(({ slope }) => !shown || (slope >= shown[0] && slope < shown[1]));
    const crosses = circuits.length > 1 ? joining(q, r, circuits[0], circuits[1]) : [];
    plane.draw(some, crosses, circuits);
    slots.draw(lines);
    reasons.draw(q, r, circuits);
    numbers.draw(counts(q, r, START.width));
    live.textContent = reading(q, r, circuits);
    toAddress(wordsOf({ q, r, circuits: picks }), wordsOf(START));
  }
  resize(q, r);
}

const root = placeOf("live-plane");
if (root) build(root);
