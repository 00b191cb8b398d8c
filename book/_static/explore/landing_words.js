// What is said of a state of the first page's figure, and which step of the story comes next.

const COUNTS = ["none", "one", "two", "three"];
const SILENT = 0.01; // of the neurons: so few that misfire are not worth a sentence
const STEPS = [150, 400]; // small networks poured in by the story

/** An answer's quality in a word, of its distance from the truth: 1 is that of no arrow at all. */
export function verdict(distance) {
  if (distance < 1e-5) return "exact";
  if (distance < 0.05) return "right";
  if (distance < 0.15) return "close";
  if (distance < 0.5) return "drifting";
  return distance < 1 ? "far off" : "lost";
}

/** A share in percent, short. */
export function percent(share) {
  if (share === 0) return "0 %";
  if (share < 0.0005) return "< 0.1 %";
  return share < 0.0995 ? `${(100 * share).toFixed(1)} %` : `${Math.round(100 * share)} %`;
}

/** How far off an answer is, in words. */
export function off(distance) {
  if (distance < 1e-5) return "equal up to rounding";
  if (distance < 1) return `off by ${percent(distance)}`;
  if (distance > 1e4) return "off by over 10,000 lengths";
  return `off by ${distance < 9.95 ? distance.toFixed(1) : Math.round(distance).toLocaleString("en")} lengths`;
}

/** The first layer from which on too many neurons misfire, or -1. */
export function ignition(layers, ignited) {
  const calm = layers.map(({ misfiring }) => misfiring < ignited).lastIndexOf(true);
  return calm + 1 < layers.length ? calm + 1 : -1;
}

/** The sentences above the picture: plain text and, in arrays of one, words in bold. */
export function sentences({ load, k, told, layers, untold, about }) {
  const last = layers.at(-1);
  const word = verdict(last.distance);
  const answers = k === 1 ? "The answer is " : "The answers are ";
  const inside = [String(load)];
  if (told && k === 1) {
    return ["Told which one is active, it keeps every other neuron silent. ", answers, [word], `, with ${load === 1 ? "it" : "all "}`, load === 1 ? " alone" : inside, " inside."];
  }
  if (told) {
    const start = `Told which ${COUNTS[k]} are active, it keeps all other neurons silent. `;
    if (word === "exact") return [start, answers, [word], "."];
    return [start, `The ${COUNTS[k]} still disturb each other: `, [off(last.distance)], `, untold ${off(untold).replace("off ", "")}.`];
  }
  const layer = ignition(layers, about.ignited) + 1;
  if (layer) {
    const crowd = k === 1 ? [inside, " are too many. "] : [`With ${COUNTS[k]} running, `, inside, " are too many. "];
    return [...crowd, "Noise wakes neurons that should be silent. They make more noise, and ", [`in layer ${layer} it ignites`], `. ${answers}`, word, "."];
  }
  const most = Math.max(...layers.map(({ misfiring }) => misfiring));
  if (most >= SILENT) {
    const more = load > about.side_by_side ? ", more than fit with private neurons" : "";
    const still = last.distance < 0.15 ? "still " : "";
    return ["With ", inside, ` inside${more}, neurons that should be silent `, ["begin to fire"], `. ${answers}${still}`, word, "."];
  }
  const quiet = most > 0 ? "Nearly all other neurons stay silent." : "All other neurons stay silent.";
  const live = load === 1
    ? " small network lives in one large network. It turns an arrow. "
    : " small networks live in one large network. Each turns an arrow. ";
  const disturbed = k > 1 && last.distance >= 0.15;
  if (disturbed) return [inside, live, `The ${COUNTS[k]} that run disturb each other: their answers are `, [word], "."];
  const one = load === 1 ? "It" : "One";
  const run = k === 1 ? `${one} runs, and its answer is ` : `${COUNTS[k][0].toUpperCase()}${COUNTS[k].slice(1)} run, and their answers are `;
  return [inside, live, run, [word], `. ${quiet}`];
}

/** The next step of the story: what the button says, and what changes. */
export function nextStep({ load, k, told }, { start }) {
  if (told) {
    return k === 1
      ? ["Run two at once", { k: 2 }]
      : ["Start again", { ...start, k: 1, told: false }];
  }
  const more = STEPS.find((step) => step > load);
  return more ? ["Pour in more", { load: more }] : ["Tell it who is active", { told: true }];
}

/** All of it in words, for those who do not see the picture. */
export function described(now) {
  const shares = now.layers.map(({ misfiring }) => percent(misfiring)).join(", ");
  const { distance } = now.layers.at(-1);
  const word = verdict(distance);
  return `Neurons that fire wrongly in layers 1 to ${now.layers.length}: ${shares}. `
    + `Result after the last layer: ${word}, ${off(distance)}.`;
}
