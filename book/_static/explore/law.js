// How many circuits the post's network holds: the library's prediction, layer by layer. Formulas
// are printed from its derivations; their order is that of superposition/predict/post.py.
import {
  active, circuits, collided, contained, estimated, GROUPS, heard, held, inactive, LEAST_NOISE,
  MARGIN, meeting, mistaken, MOST_CIRCUITS, MOST_COLLISIONS, readOut, shared, written,
} from "./formulas.js";

/** r of the sizes, or else the library's default, ln M. */
export const carriersOf = ({ M, r }) => r ?? Math.max(1, Math.round(Math.log(M)));

/** What a carrier makes of small neurons, `others` of which may share it. */
function carried(values, others) {
  const common_noise = values.misreading + values.common_noise;
  const noise = Math.max(values.noise + common_noise, LEAST_NOISE);
  const given = { ...values, ...meeting(values), common_noise, noise, others };
  const sums = { firing_share: 0, mean_activation: 0, square_activation: 0 };
  for (given.collisions = 0; given.collisions <= Math.min(MOST_COLLISIONS, others);
    given.collisions += 1) {
    const terms = collided(given);
    for (const name in sums) sums[name] += terms[name];
  }
  return Object.assign(given, shared(given), sums);
}

/** The mean square of what is read of an inactive small neuron. */
function silent(values) {
  const own = { ...values, ...inactive(values), carrier_input: -values.margin };
  return estimated(carried(own, values.k * values.m));
}

/** The squared error of active small neurons, and its product with the truth. */
function awake(values) {
  const sums = { squared_error: 0, error_product: 0 };
  const own = { ...values };
  for (const group of GROUPS) {
    own.wanted = values.deviation * group;
    Object.assign(own, active(own));
    const carrier = carried(own, values.k * values.m - 1);
    carrier.activation = Math.max(own.wanted, 0);
    const errors = mistaken(carrier);
    for (const name in sums) sums[name] += errors[name] / GROUPS.length;
  }
  return sums;
}

/** The predicted relative_mse after the last layer. */
export function predictedError(sizes, layers, n) {
  const fixed = { ...sizes, r: carriersOf(sizes), T: n, L: layers, margin: MARGIN };
  const stream = { garbage: 0, delta2: 0, drift: 0 };
  for (let layer = 0; ; layer += 1) {
    const values = { ...fixed, ...stream, ...circuits({ ...fixed, layer }) };
    Object.assign(values, held(values));
    Object.assign(values, contained(values));
    if (layer === layers) return readOut(values).relative_mse;
    Object.assign(values, heard(values));
    Object.assign(stream, written({ ...values, ...silent(values), ...awake(values) }));
  }
}

/** The largest n ≥ low of an error, which rises with n, within the tolerance; or low − 1. */
export function largestWithin(error, tolerance, low) {
  let [first, most] = [low, 8 * low];
  while (most < MOST_CIRCUITS && error(most) <= tolerance) [first, most] = [most, 8 * most];
  let last = Math.min(most, MOST_CIRCUITS) + 1;
  while (first < last) {
    const middle = Math.floor((first + last) / 2);
    if (error(middle) <= tolerance) first = middle + 1;
    else last = middle;
  }
  return first - 1;
}

/** How many circuits fit: 0 if the active ones alone have too large an error. */
export function capacity(sizes, layers) {
  const { nothing } = circuits({ ...sizes, L: layers, layer: layers, margin: MARGIN });
  const allowed = sizes.tolerance * nothing;
  const fits = largestWithin((n) => predictedError(sizes, layers, n), allowed, sizes.k);
  return fits < sizes.k ? 0 : fits;
}
