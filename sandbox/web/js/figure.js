// A chart with its name, its legend and its numbers: the picture is for the eyes, the table for everybody.

import { h, newId } from "./dom.js";

/**
 * A figure. Its chart is drawn as soon as it has a width; the library for that is loaded here for the first time.
 *
 * @param {Object} what
 * @param {string} what.title
 * @param {"bars"|"line"|"ranking"} what.kind      series of `bars` are stacked; a `ranking` lies on its side
 * @param {{short: string[], long: string[]}} what.labels  of the points, for the picture and for the table
 * @param {{name: string, values: (number|null)[]}[]} what.series
 * @param {function(number): string} what.format
 * @param {AbortSignal} signal  aborted when the figure is no longer shown
 */
export function figure(what, signal) {
  const { title, series } = what;
  const id = newId("figure");
  const isEmpty = series.every(({ values }) => values.every((value) => !value));
  const caption = h("figcaption", {}, h("h3", { id }, title), series.length > 1 ? legend(series) : null);
  return h(
    "figure",
    { class: "card", "aria-labelledby": id },
    caption,
    isEmpty ? h("p", { class: "blank" }, "Sin datos en este periodo.") : [picture(what, signal), numbers(what)],
  );
}

function picture(what, signal) {
  const plot = h("div", {
    class: `plot ${what.kind}`,
    role: "img",
    "aria-label": `Gráfica de ${what.title.toLowerCase()}; sus números están en la tabla.`,
  });
  import("./charts.js").then(
    ({ draw }) => draw(plot, what, signal),
    () => plot.replaceWith(h("p", { class: "blank" }, "La gráfica no se pudo cargar; los números están abajo.")),
  );
  return plot;
}

const legend = (series) =>
  h(
    "ul",
    { class: "legend" },
    series.map(({ name }, index) => h("li", {}, h("span", { class: `swatch s${index + 1}` }), name)),
  );

function numbers({ title, labels, series, format }) {
  const rows = labels.long.map((label, index) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, label),
      series.map(({ values }) => h("td", {}, values[index] === null ? "—" : format(values[index]))),
    ),
  );
  const head = h(
    "tr",
    {},
    h("td", {}),
    series.map(({ name }) => h("th", { scope: "col" }, name)),
  );
  return h(
    "details",
    {},
    h("summary", {}, "Ver los números"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": title },
      h("table", {}, h("caption", { class: "unseen" }, title), h("thead", {}, head), h("tbody", {}, rows)),
    ),
  );
}
