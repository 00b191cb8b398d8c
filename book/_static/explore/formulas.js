// Printed from companion.explore by book/tools/formulas.py: do not edit.
import { erfc, logGamma } from "./special.js";

export const START = {"D": 1024, "M": 2048, "d": 4, "m": 8, "k": 1, "r": null, "tolerance": 0.25};
export const MARGIN = 1.0;
export const MOST_COLLISIONS = 16;
export const MOST_CIRCUITS = 1125899906842624;
export const LEAST_NOISE = 1e-12;
export const GROUPS = [-2.51018498917847, -1.99423684982811, -1.76420654993962, -1.60234413101973, -1.47429612453818, -1.36676969446262, -1.2731102574708, -1.18947733454767, -1.11344018565597, -1.04335636303695, -0.978060281172793, -0.916692449105518, -0.858599187264169, -0.803270457672816, -0.750299588125987, -0.699356208763444, -0.650167495717913, -0.602504821867182, -0.556174033021037, -0.511008218019168, -0.466862233016069, -0.423608483848284, -0.381133626082171, -0.339335944299449, -0.298123240392052, -0.257411107148851, -0.217121495657153, -0.177181507703533, -0.137522360464104, -0.0980784823010978, -0.0587867067456855, -0.0195855376250975, 0.0195855376250975, 0.0587867067456855, 0.0980784823010978, 0.137522360464104, 0.177181507703533, 0.217121495657153, 0.257411107148851, 0.298123240392052, 0.339335944299449, 0.381133626082171, 0.423608483848284, 0.466862233016069, 0.511008218019168, 0.556174033021037, 0.602504821867182, 0.650167495717913, 0.699356208763444, 0.750299588125987, 0.803270457672816, 0.858599187264169, 0.916692449105518, 0.978060281172793, 1.04335636303695, 1.11344018565597, 1.18947733454767, 1.2731102574708, 1.36676969446262, 1.47429612453818, 1.60234413101973, 1.76420654993962, 1.99423684982811, 2.51018498917847];
// what (fig-claim) measured: mean and range over seeds
export const MEASURED = [
  {"D": 128, "layers": 1, "mean": 7.46, "min": 5.54, "max": 10.31},
  {"D": 192, "layers": 1, "mean": 49.71, "min": 44.85, "max": 57.18},
  {"D": 192, "layers": 2, "mean": 38.31, "min": 30.34, "max": 51.22},
  {"D": 192, "layers": 4, "mean": 22.51, "min": 15.69, "max": 26.99},
  {"D": 256, "layers": 1, "mean": 102.54, "min": 92.62, "max": 119.78},
  {"D": 256, "layers": 2, "mean": 83.88, "min": 71.66, "max": 102.45},
  {"D": 256, "layers": 4, "mean": 64.13, "min": 57.63, "max": 70.0},
  {"D": 384, "layers": 1, "mean": 293.36, "min": 280.8, "max": 305.0},
  {"D": 384, "layers": 2, "mean": 188.39, "min": 177.47, "max": 202.71},
  {"D": 384, "layers": 4, "mean": 155.96, "min": 143.3, "max": 164.23},
  {"D": 512, "layers": 1, "mean": 568.6, "min": 520.03, "max": 599.04},
  {"D": 512, "layers": 2, "mean": 341.17, "min": 323.43, "max": 352.37},
  {"D": 512, "layers": 4, "mean": 251.7, "min": 237.91, "max": 279.0},
  {"D": 768, "layers": 1, "mean": 1384.71, "min": 1332.57, "max": 1433.32},
  {"D": 768, "layers": 2, "mean": 738.44, "min": 707.54, "max": 770.87},
  {"D": 768, "layers": 4, "mean": 545.0, "min": 537.59, "max": 550.2},
  {"D": 1024, "layers": 1, "mean": 2414.81, "min": 2375.81, "max": 2468.78},
  {"D": 1024, "layers": 2, "mean": 1186.98, "min": 1171.57, "max": 1212.84},
  {"D": 1024, "layers": 4, "mean": 850.76, "min": 827.89, "max": 874.06},
];
export const ROWS = [
  {
    name: "private",
    words: "private neurons",
    only: "",
    count: ({ D, M, d, m, k, r, tolerance }) => Math.min(D/d, M/m),
  },
  {
    name: "one",
    words: "the post's, one layer",
    only: "",
    layers: 1,
  },
  {
    name: "two",
    words: "the post's, two layers",
    only: "",
    layers: 2,
  },
  {
    name: "four",
    words: "the post's, four layers",
    only: "",
    layers: 4,
  },
  {
    name: "gated",
    words: "gated, told who is on",
    only: "k = 1 only",
    holds: ({ D, M, d, m, k, r, tolerance }) => k == 1,
    count: ({ D, M, d, m, k, r, tolerance }) => Math.pow(D, 2)/Math.pow(d + 2, 2),
  },
  {
    name: "most",
    words: "most of a linear code",
    only: "k ≥ 2 only",
    holds: ({ D, M, d, m, k, r, tolerance }) => k > 1,
    count: ({ D, M, d, m, k, r, tolerance }) => (1/2)*(Math.sqrt(D)*Math.sqrt(M)*Math.sqrt(4*D*M*Math.pow(tolerance, 2) + 4*d*Math.pow(k, 2)*m - 8*d*k*m*tolerance - 8*d*k*m + 8*d*m*tolerance + 4*d*m) + 2*D*M*tolerance)/(d*m*(k - 1)),
  },
];

export function circuits({ L, d, layer, m, margin }) {
  const x0 = 1/L;
  const x1 = Math.pow((1/2)*x0 + 1, layer);
  const x2 = 2*x1;
  const x3 = 1/d;
  const x4 = Math.pow(margin, 2);
  return {
    a2: x2,
    bare_w2: 1,
    w2: x3 + x4 + 1,
    bare_sum2: m,
    sum2: Math.pow(m, 2)*x4 + m*x3 + m,
    write2: d*x0/m,
    pre_mean: 0,
    pre_variance: 1.9921885994215973*x1*x3,
    feedback: 0,
    deviation: Math.sqrt(2)*Math.sqrt(x1)/Math.sqrt(d),
    nothing: (x2 - 2)/(x2 - 1),
  };
}

export function held({ a2, delta2, drift }) {
  return {
    state2: a2 + delta2 + 2*drift,
  };
}

export function contained({ T, garbage, k, state2 }) {
  return {
    content: garbage*(T - k) + k*state2,
  };
}

export function written({ delta2, drift, error_product, estimate_square, garbage, m, squared_error, write2 }) {
  const x0 = m*write2;
  return {
    garbage: estimate_square*x0 + garbage,
    delta2: delta2 + squared_error*x0,
    drift: drift + error_product*x0,
  };
}

export function readOut({ D, a2, content, d, delta2, feedback, k, state2 }) {
  const x0 = 1/D;
  return {
    relative_mse: (d*x0*(content - state2) + delta2 + feedback*x0*(2*k - 2))/(a2 - 1),
  };
}

export function meeting({ M, r }) {
  const x0 = r/M;
  return {
    chance: x0,
    both_chance: x0*(r - 1)/(M - 1),
  };
}

export function heard({ D, M, T, bare_sum2, bare_w2, content, d, delta2, drift, garbage, m, margin, pre_mean, pre_variance, r, state2, sum2, w2 }) {
  const x0 = T - 1;
  const x1 = m*w2;
  const x2 = r/M;
  const x3 = x1*x2;
  const x4 = (r - 1)/(M - 1);
  const x5 = x3*x4;
  const x6 = 1/D;
  const x7 = content*x6;
  const x8 = bare_w2*m;
  const x9 = x2*x8;
  const x10 = x4*x9;
  const x11 = 1/d;
  const x12 = garbage*x11;
  const x13 = Math.pow(r, 2)/Math.pow(M, 2);
  return {
    noise: x0*(x12*(-x10 + x9) + x7*(x3 - x5)),
    common_noise: x0*(x12*(x10 + x13*(bare_sum2 - x8)) + x7*(x13*(sum2 - x1) + x5)),
    jump_mean: margin + pre_mean,
    jump_variance: bare_w2*x11*(delta2 + 2*drift) + pre_variance + w2*x6*(content - state2),
  };
}

export function inactive({ D, bare_w2, content, d, garbage, w2 }) {
  return {
    misreading: bare_w2*garbage/d + w2*(content - garbage)/D,
  };
}

export function active({ D, bare_w2, content, d, delta2, drift, feedback, k, pre_mean, pre_variance, state2, w2, wanted }) {
  const x0 = 1/pre_variance;
  const x1 = bare_w2/d;
  const x2 = 1/D;
  return {
    carrier_input: drift*x0*x1*(-pre_mean + wanted) + wanted,
    misreading: -Math.pow(bare_w2, 2)*Math.pow(drift, 2)*x0/Math.pow(d, 2) + w2*x2*(content - state2) + x1*(delta2 + feedback*x2*(2*k - 2)),
  };
}

export function shared({ carrier_input, jump_mean, jump_variance, noise }) {
  const x0 = carrier_input + jump_mean;
  const x1 = Math.sqrt(jump_variance);
  const x2 = -x0;
  const x3 = Math.sqrt(2);
  const x4 = (1/2)*x3;
  const x5 = x2*x4/x1;
  const x6 = (1/2)*erfc(x5);
  const x7 = Math.exp(-1/2*Math.pow(x2, 2)/jump_variance);
  const x8 = Math.pow(Math.PI, -1/2);
  const x9 = x4*x8;
  const x10 = x1*x7*x9;
  const x11 = Math.sqrt(noise);
  const x12 = (1/2)*carrier_input;
  return {
    both_mean: x0*x6 + x10,
    both_square: jump_variance*(x5*x7*x8 + x6) + Math.pow(x0, 2)*x6 + x10*(2*carrier_input + 2*jump_mean),
    alone_mean: x11*x9*Math.exp(-1/2*Math.pow(carrier_input, 2)/noise) + x12*(2 - erfc(x12*x3/x11)),
  };
}

export function collided({ carrier_input, chance, collisions, jump_mean, jump_variance, noise, others }) {
  const x0 = collisions*jump_variance + noise;
  const x1 = Math.sqrt(x0);
  const x2 = collisions*jump_mean;
  const x3 = carrier_input + x2;
  const x4 = -x3;
  const x5 = (1/2)*Math.sqrt(2);
  const x6 = x4*x5/x1;
  const x7 = (1/2)*erfc(x6);
  const x8 = others + 1;
  const x9 = Math.pow(chance, collisions)*Math.pow(1 - chance, -collisions + others)*Math.exp(logGamma(x8) - logGamma(-collisions + x8) - logGamma(collisions + 1));
  const x10 = Math.exp(-1/2*Math.pow(x4, 2)/x0)/Math.sqrt(Math.PI);
  const x11 = x1*x10*x5;
  return {
    firing_share: x7*x9,
    mean_activation: x9*(x11 + x3*x7),
    square_activation: x9*(x0*(x10*x6 + x7) + x11*(2*carrier_input + 2*x2) + Math.pow(x3, 2)*x7),
  };
}

export function estimated({ alone_mean, both_chance, both_mean, both_square, chance, common_noise, firing_share, mean_activation, others, r, square_activation }) {
  const x0 = Math.pow(mean_activation, 2);
  const x1 = common_noise*Math.pow(firing_share, 2);
  const x2 = 1/r;
  const x3 = others*(both_chance*(Math.pow(alone_mean, 2) - 2*alone_mean*both_mean + both_square) - Math.pow(chance, 2)*Math.pow(-alone_mean + both_mean, 2));
  return {
    estimate_square: square_activation*x2 - x0*x2 + x0 - x1*x2 + x1 - x2*x3 + x3,
  };
}

export function mistaken({ activation, alone_mean, both_chance, both_mean, both_square, chance, common_noise, firing_share, mean_activation, others, r, square_activation }) {
  const x0 = Math.pow(mean_activation, 2);
  const x1 = common_noise*Math.pow(firing_share, 2);
  const x2 = 1/r;
  const x3 = others*(both_chance*(Math.pow(alone_mean, 2) - 2*alone_mean*both_mean + both_square) - Math.pow(chance, 2)*Math.pow(-alone_mean + both_mean, 2));
  return {
    squared_error: Math.pow(activation, 2) - 2*activation*mean_activation + square_activation*x2 - x0*x2 + x0 - x1*x2 + x1 - x2*x3 + x3,
    error_product: activation*(-activation + mean_activation),
  };
}
