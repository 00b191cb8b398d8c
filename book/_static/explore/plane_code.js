// Circuits as points of a plane, slots as its lines: what the library's integer code makes of them.
import { GATES } from "./plane_start.js";

const modulo = (number, q) => ((number % q) + q) % q;

/** The line of a slope through a point; vertical lines count as slope q. */
export function lineOf(q, slope, [x, y]) {
  return slope === q ? x : modulo(y - slope * x, q);
}

/** A circuit's slots, one of each slope: slope·q + line. */
export function slotsOf(q, nSlopes, circuit) {
  return Array.from({ length: nSlopes }, (_, slope) => slope * q + lineOf(q, slope, circuit));
}

/** All circuits, (x, y) in the order x·q + y. */
export function circuitsOf(q) {
  return Array.from({ length: q * q }, (_, i) => [Math.floor(i / q), i % q]);
}

/** The one slope of a line through two points: the only s with s·run = rise, or q if run = 0. */
export function slopeOf(q, [x, y], [u, v]) {
  const [run, rise] = [modulo(u - x, q), modulo(v - y, q)];
  const found = [];
  for (let s = 0; s < q; s += 1) if (modulo(s * run - rise, q) === 0) found.push(s);
  return { run, rise, slope: run === 0 ? q : found[0] };
}

/** Slots that two circuits have in common, of r slopes for each of two codes. */
export function commonSlots(q, r, one, other) {
  const theirs = slotsOf(q, 2 * r, other);
  return slotsOf(q, 2 * r, one).filter((slot, slope) => slot === theirs[slope]);
}

/** Slopes of the lines on which circuit `third` meets `other`, by code: [of A, of B]. */
function meets(q, r, third, other) {
  const slopes = commonSlots(q, r, third, other).map((slot) => Math.floor(slot / q));
  return [slopes.filter((s) => s < r), slopes.filter((s) => s >= r)];
}

/** Whether a third circuit has a slot of the one in one code, of the other in the other code. */
export function joins(q, r, third, one, other) {
  if ([one, other].some((circuit) => same(circuit, third))) return false;
  const [first, second] = [meets(q, r, third, one), meets(q, r, third, other)];
  return [0, 1].some((code) => first[code].length > 0 && second[1 - code].length > 0);
}

/** All circuits that do. */
export function joining(q, r, one, other) {
  return circuitsOf(q).filter((third) => joins(q, r, third, one, other));
}

export function same([x, y], [u, v]) {
  return x === u && y === v;
}

/** How many circuits, slots of a code, circuits on a slot; neurons of a layer, and private ones. */
export function counts(q, r, width) {
  return {
    circuits: q * q,
    slots: r * q,
    on_a_slot: q,
    neurons: (width + GATES) * r * q,
    private: width * q * q,
  };
}

/** r of a code can be this at most: two codes have 2r of q + 1 slopes. */
export function largestR(q) {
  return Math.floor((q + 1) / 2);
}

/** A line as straight pieces [x1, y1, x2, y2] of the square −½ … q − ½, at whose edges it wraps. */
export function pieces(q, slope, line) {
  if (slope === q) return [[line, -0.5, line, q - 0.5]];
  const step = slope > q / 2 ? slope - q : slope; // the same line, less steep
  if (step === 0) return [[-0.5, line, q - 0.5, line]];
  const found = [];
  for (let turn = -q; turn <= q; turn += 1) {
    const at = (y) => (y + turn * q - line) / step; // where it crosses height y
    const [left, right] = [at(-0.5), at(q - 0.5)].sort((a, b) => a - b);
    const [from, to] = [Math.max(left, -0.5), Math.min(right, q - 0.5)];
    if (from < to) found.push([from, to].flatMap((x) => [x, line + step * x - turn * q]));
  }
  return found;
}
