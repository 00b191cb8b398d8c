// Printed from companion.explore by book/tools/formulas.py: do not edit.
export const START = {"D": 1024, "M": 2048, "d": 4, "m": 8, "k": 1, "r": 1, "nu": 0.1};
export const ROWS = [
  {
    name: "private",
    words: "side by side, no superposition",
    only: "",
    holds: ({ D, M, d, m, k, r, nu }) => k >= 1,
    count: ({ D, M, d, m, k, r, nu }) => Math.min(D/d, M/m),
  },
  {
    name: "one",
    words: "the post's network, one layer",
    only: "",
    holds: ({ D, M, d, m, k, r, nu }) => k >= 1,
    count: ({ D, M, d, m, k, r, nu }) => D*M*nu/(d*k*m*r*(2 + 1/d)),
  },
  {
    name: "two",
    words: "the post's network, two layers or more",
    only: "",
    holds: ({ D, M, d, m, k, r, nu }) => k >= 1,
    count: ({ D, M, d, m, k, r, nu }) => Math.min(D*M*nu/(d*k*m*r*(2 + 1/d)), 2*Math.sqrt(D)*M*Math.sqrt(nu)/(Math.sqrt(d)*Math.sqrt(k)*m*Math.sqrt(r)*Math.sqrt(2 + 1/d))),
  },
  {
    name: "gated",
    words: "gated, told which one is active (k = 1)",
    only: "k = 1 only",
    holds: ({ D, M, d, m, k, r, nu }) => k == 1,
    count: ({ D, M, d, m, k, r, nu }) => Math.pow(D, 2)/Math.pow(d + 2, 2),
  },
  {
    name: "most",
    words: "no linear code of one layer has more",
    only: "k ≥ 2 only",
    holds: ({ D, M, d, m, k, r, nu }) => k > 1,
    count: ({ D, M, d, m, k, r, nu }) => (1/2)*(Math.sqrt(D)*Math.sqrt(M)*Math.sqrt(4*D*M*Math.pow(nu, 2) + 4*d*Math.pow(k, 2)*m - 8*d*k*m*nu - 8*d*k*m + 8*d*m*nu + 4*d*m) + 2*D*M*nu)/(d*m*(k - 1)),
  },
];
