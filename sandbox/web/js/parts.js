// The pieces that several views are made of.

import { h, unseen } from "./dom.js";
import { count, km } from "./format.js";
import { icon } from "./icons.js";

/** The top of a view: a heading, a line below it, and what can be done here. */
export function heading(title, { lead, back, actions = [] } = {}) {
  return h(
    "div",
    { class: "heading" },
    back ? h("a", { class: "back", href: back.href }, icon("back"), back.label) : null,
    h("div", {}, h("h1", { tabindex: "-1" }, title), lead ? h("p", { class: "lead" }, lead) : null),
    actions.length ? h("div", { class: "actions" }, actions) : null,
  );
}

/** A link that looks like a button; `kind` is "" for the main one of a view, or "quiet". */
export const action = (label, href, picture, kind = "") =>
  h("a", { class: `button ${kind}`, href }, picture ? icon(picture) : null, label);

/** A figure with its name, in a row of such. */
export const tile = (name, value, note) =>
  h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value), note ? h("dd", { class: "muted" }, note) : null);

export const tiles = (...all) => h("dl", { class: "tiles" }, all);

/** A part of a view, under a heading of its own. */
export function section(title, ...content) {
  return h("section", { class: "section" }, h("h2", {}, title), content);
}

const DIGITS = 6;

/** How far a vehicle has gone, on drums like those of a dashboard. */
export function odometer(distance) {
  const digits = `${Math.floor(distance)}`.padStart(DIGITS, "0");
  const zeros = digits.length - digits.replace(/^0+/, "").length;
  const drums = [...digits].map((digit, index) => h("span", { class: index < zeros ? "drum idle" : "drum" }, digit));
  return h(
    "p",
    { class: "odometer" },
    unseen(`Kilometraje: ${km(distance)}`),
    h("span", { class: "drums", "aria-hidden": "true" }, drums),
    h("span", { class: "unit", "aria-hidden": "true" }, "km"),
  );
}

/** A word in a pill; `kind` is "good", "soon", "bad" or "". */
export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);

/** "1 viaje", "3 viajes". */
export const counted = (amount, one, many) => `${count(amount)} ${amount === 1 ? one : many}`;
