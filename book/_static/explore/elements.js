// Parts of a page: by kind, attributes and what is in them, nodes or text.

/** The node itself, with these attributes and children. */
export function filled(node, attributes, ...children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** An HTML element. */
export function html(kind, attributes = {}, ...children) {
  return filled(document.createElement(kind), attributes, ...children);
}

/** A part of an SVG drawing. */
export function svg(kind, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  return filled(made, attributes, ...children);
}

/** A labelled slider over values; `change` hears of each that a reader chooses, `said` words it. */
export function slider({ id, words, values, said = String, change }) {
  const output = html("output", { for: id });
  const input = html("input", { id, type: "range", min: 0, step: 1 });
  let steps = values;
  const show = (value, others = steps) => {
    steps = others;
    input.max = steps.length - 1;
    input.value = steps.indexOf(value);
    output.textContent = said(value);
    input.setAttribute("aria-valuetext", said(value));
  };
  input.addEventListener("input", () => change(steps[Number(input.value)]));
  const label = html("label", { for: id }, html("span", {}, words), output);
  return { show, nodes: [label, input] };
}

/** A button that does something. */
export function button(words, act, attributes = {}) {
  const made = html("button", { type: "button", class: "explore-button", ...attributes }, words);
  made.addEventListener("click", act);
  return made;
}

/** The place of a live figure, if it is on this page. A still picture of it makes room. */
export function placeOf(id) {
  const place = globalThis.document?.getElementById(id);
  const figure = place && document.getElementById(place.dataset.still);
  const stills = figure ? figure.querySelectorAll("img") : []; // for light pages, and for dark ones
  for (const still of stills) still.classList.add("explore-still");
  if (stills.length) {
    stills[0].before(place);
    place.hidden = false;
  }
  return place;
}
