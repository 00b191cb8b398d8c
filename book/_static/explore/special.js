// Two functions of probability theory, to rounding.

// Lanczos' approximation with g = 7 and nine terms (Godfrey 2001).
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
];
// Chebyshev coefficients of ln(erfc(x) e^{x²}/t) in 2t − 1 with t = 2/(2 + x) (Press et al. 2007).
const CHEBYSHEV = [
  -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3,
  -9.46595344482036e-4, 3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5,
  -1.624290004647e-6, 1.303655835580e-6, 1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9,
  5.059343495e-9, -9.91364156e-10, -2.27365122e-10, 9.6467911e-11, 2.394038e-12, -6.886027e-12,
  8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15, -1.523e-15, -9.4e-17, 1.21e-16,
  -2.8e-17,
];

const known = new Map(); // the law asks for the same few again and again

/** ln Γ(x) of x ≥ 1. */
export function logGamma(x) {
  if (!known.has(x)) known.set(x, approximated(x));
  return known.get(x);
}

function approximated(x) {
  let sum = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i += 1) sum += LANCZOS[i] / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** 1 − erf(x). */
export function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  const t = 2 / (2 + x);
  const y = 4 * t - 2;
  let [last, before] = [0, 0];
  for (let j = CHEBYSHEV.length - 1; j > 0; j -= 1) {
    [last, before] = [y * last - before + CHEBYSHEV[j], last];
  }
  return t * Math.exp(-x * x + 0.5 * (CHEBYSHEV[0] + y * last) - before);
}
