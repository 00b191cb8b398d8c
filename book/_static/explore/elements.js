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
