// The frame of the two pages for who is not signed in.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const PROMISES = [
  ["trip", "Cada viaje suma", "El odómetro de cada vehículo, siempre al día."],
  ["fuel", "Cuánto rinde y cuánto cuesta", "Kilómetros por litro y costo por mes, en gráficas."],
  ["calendar", "Nada se te pasa", "Servicios y pagos que se acercan, en una lista."],
];

/** What this is on one side, `content` on the other. */
export function welcome(...content) {
  return h(
    "div",
    { class: "welcome" },
    h("div", { class: "sheet" }, content),
    h(
      "aside",
      { class: "pitch", "aria-label": "Qué es KilomeTracker" },
      h("p", { class: "slogan" }, "Tus vehículos, kilómetro a kilómetro."),
      h("ul", {}, PROMISES.map(promise)),
      h("p", { class: "small" }, "La sesión vive en una cookie que ningún script de esta página puede leer."),
    ),
  );
}

const promise = ([picture, title, text]) =>
  h(
    "li",
    {},
    h("span", { class: "disc" }, icon(picture)),
    h("div", {}, h("p", { class: "what" }, title), h("p", {}, text)),
  );
