// Printed from superposition.theory by book/tools/formulas.py: do not edit.

/** T at which the first layer's noise is ν. */
export function readInCapacity({ D, M, a2, k, m, nu, r, w2 }) {
  return D*M*nu/(a2*k*m*r*w2);
}

/** T at which the second layer's noise is ν. */
export function deepCapacity({ D, M, h2, k, m, nu, w2, write2 }) {
  return Math.sqrt(D)*M*Math.sqrt(nu)/(Math.sqrt(h2)*Math.sqrt(k)*Math.pow(m, 3/2)*Math.sqrt(w2)*Math.sqrt(write2));
}

/** T at which (eq-layer-floor) is ν. */
export function mostCircuits({ D, M, d, k, m, nu }) {
  return (1/2)*(Math.sqrt(D)*Math.sqrt(M)*Math.sqrt(D*M*Math.pow(nu, 2) + 4*d*Math.pow(k, 2)*m - 4*d*k*m*nu - 8*d*k*m + 4*d*m*nu + 4*d*m) + D*M*nu)/(d*m*(k - 1));
}

/** T that a gated network holds, k = 1. */
export function gatedCircuits({ D, d }) {
  return Math.pow(D, 2)/Math.pow(d + 2, 2);
}

/** |w|², with the indicator. */
export function randomW2({ d }) {
  return 2 + 1/d;
}

/** |w'|². */
export function randomWrite2({ d, m }) {
  return (1/2)*d/m;
}

/** mean square of a neuron. */
export function randomH2({ d }) {
  return 1/d;
}

/** |a|², with the indicator. */
export function randomA2() {
  return 2;
}
