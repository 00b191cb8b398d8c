// What is picked on the plane, in words.
import { commonSlots, joining, joins, largestR, same } from "./plane_code.js";
import { ORDERS, START } from "./plane_start.js";

const MOST = 3; // picked at once

export const nameOf = (q, slope) => (slope === q ? "vertical" : `slope ${slope}`);
export const codeOf = (r, slope) => (slope < r ? "A" : "B");
export const pairsOf = (n) => [[0, 1], [0, 2], [1, 2]].filter(([, j]) => j < n);

/** Where two of the circuits meet, in words. */
function meeting(q, r, circuits, [i, j]) {
  const common = commonSlots(q, r, circuits[i], circuits[j]);
  if (!common.length) return `Circuits ${i + 1} and ${j + 1} meet on no slot.`;
  const where = common.map((slot) => {
    const slope = Math.floor(slot / q);
    return `line ${slot % q} of ${nameOf(q, slope)}, code ${codeOf(r, slope)}`;
  });
  return `Circuits ${i + 1} and ${j + 1} meet on one slot: ${where.join("; ")}.`;
}

/** Which of three circuits join the two others, in words. */
function crossing(q, r, circuits) {
  const found = [[2, 0, 1], [1, 0, 2], [0, 1, 2]].filter(
    ([third, i, j]) => joins(q, r, circuits[third], circuits[i], circuits[j]),
  );
  if (!found.length) return "None of the three joins the other two.";
  return found.map(([third, i, j]) =>
    `Circuit ${third + 1} joins ${i + 1} and ${j + 1}: it meets them in different codes.`).join(" ");
}

/** What is picked, in words: where each two meet, and what joins them. */
export function reading(q, r, circuits) {
  if (circuits.length === 0) return "Pick a circuit: any point of the plane.";
  if (circuits.length === 1) {
    return `Circuit 1 has ${2 * r} slots of ${2 * r * q}, one of each slope. Pick another circuit.`;
  }
  const said = pairsOf(circuits.length).map((pair) => meeting(q, r, circuits, pair));
  if (circuits.length === MOST) return [...said, crossing(q, r, circuits)].join(" ");
  const n = joining(q, r, ...circuits).length;
  return `${said[0]} ${n || "No"} other ${n === 1 ? "circuit joins" : "circuits join"} them${n ? " (×)" : ""}.`;
}

/** The picks after one more: a picked circuit is left out, a fourth takes the third's place. */
export function picked(circuits, circuit) {
  const rest = circuits.filter((each) => !same(each, circuit));
  return rest.length < circuits.length ? rest : [...circuits.slice(0, MOST - 1), circuit];
}

/** The picks that are on the plane of order q, which may be smaller than where they were made. */
export const onPlane = (circuits, q) => circuits.filter((each) => Math.max(...each) < q);

/** The picks after one more on the plane of order q; others are kept, last, while there is room. */
export function pickedOn(circuits, q, circuit) {
  const off = circuits.filter((each) => Math.max(...each) >= q);
  return [...picked(onPlane(circuits, q), circuit), ...off].slice(0, MOST);
}

/** What is shown, as words for the address: circuits are x.y. (The site's search takes `q`.) */
export function wordsOf({ q, r, circuits }) {
  return { order: String(q), r: String(r), circuits: circuits.map((at) => at.join(".")).join("-") };
}

/** What such words say, where they name planes and circuits that there are. */
export function planeIn(words) {
  const q = ORDERS.find((each) => String(each) === words.order) ?? START.q;
  const r = Math.min(Math.max(Math.floor(words.r ?? START.r) || START.r, 1), largestR(q));
  const valid = /^(\d+\.\d+(-\d+\.\d+)*)?$/.test(words.circuits ?? "?");
  const named = valid ? words.circuits.split("-").filter(Boolean).map((at) => at.split(".").map(Number))
    : START.circuits;
  const largest = Math.max(...ORDERS);
  const there = named.filter((at, i) => Math.max(...at) < largest
    && named.findIndex((other) => same(other, at)) === i);
  return { q, r, circuits: there.slice(0, MOST) };
}
