// Elements, made without markup: a text stays a text, whatever is in it.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with its attributes and children.
 *
 * @param {string} name
 * @param {Object} attributes  `on…` listens; null, undefined and false leave an attribute out, true sets it empty
 * @param {...*} children      nodes, texts, lists of them; null, undefined and false are left out
 */
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (isNothing(value)) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => !isNothing(child)));
  return element;
}

const isNothing = (value) => value === null || value === undefined || value === false;

let last = 0;

/** An id that no other element has. */
export const newId = (word) => `${word}-${++last}`;

/** A text for screen readers alone. */
export const unseen = (text) => h("span", { class: "unseen" }, text);
