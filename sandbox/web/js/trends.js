// A vehicle month by month, in four figures; and how many months.

import { api, at } from "./api.js";
import { h } from "./dom.js";
import { figure } from "./figure.js";
import { km, kmPerLitre, longMonth, money, month } from "./format.js";
import { say } from "./messages.js";

const PERIODS = { "3m": "3 meses", "6m": "6 meses", "12m": "12 meses" };

/** The section; it asks again by itself when another period is chosen. */
export async function monthByMonth({ alias, signal }) {
  const figures = h("div", { class: "figures" });
  let asking = new AbortController();
  let showing = new AbortController();

  async function show(period) {
    asking.abort();
    asking = new AbortController();
    const parts = await read(alias, period, AbortSignal.any([signal, asking.signal]));
    showing.abort();
    showing = new AbortController();
    const shown = AbortSignal.any([signal, showing.signal]);
    figures.replaceChildren(...parts.map((part) => figure(part, shown)));
  }
  async function change({ target }) {
    figures.setAttribute("aria-busy", "true");
    try {
      await show(target.value);
      say(`Gráficas de los últimos ${PERIODS[target.value]}.`);
    } catch (error) {
      if (error.name === "AbortError") return; // another period was chosen, or another view
      say(`No se pudo cambiar el periodo. ${error.message}`);
    }
    figures.removeAttribute("aria-busy");
  }
  await show("6m");
  return h(
    "section",
    { class: "section" },
    h("div", { class: "split" }, h("h2", {}, "Mes a mes"), choice(change)),
    figures,
  );
}

function choice(change) {
  const options = Object.entries(PERIODS).map(([value, label]) =>
    h("label", {}, h("input", { type: "radio", name: "period", value, checked: value === "6m" }), h("span", {}, label)),
  );
  return h("fieldset", { class: "choice", onchange: change }, h("legend", { class: "unseen" }, "Periodo"), options);
}

/** The four figures' contents; see `figure`. */
async function read(alias, period, signal) {
  const [{ data }, expenses] = await Promise.all([
    api(at`vehicles/${alias}/analytics?period=${period}`, { signal }),
    api(at`expenses/summary?vehicleAlias=${alias}&startDate=${firstDay(parseInt(period, 10))}`, { signal }),
  ]);
  const { distancia, costoCombustible, costoMantenimiento, eficiencia } = data.series;
  const periods = allMonths(parseInt(period, 10));
  const labels = { short: periods.map(month), long: periods.map(longMonth) };
  const along = (name, points, field = "value", missing = 0) => {
    const found = new Map(points.map((point) => [point.period, point[field]]));
    return { name, values: periods.map((each) => found.get(each) ?? missing) };
  };
  const { summary } = expenses.data;
  const categories = summary.map(({ _id }) => _id);
  const spent = { name: "Gastos", values: summary.map(({ totalMonto }) => totalMonto) };
  return [
    { title: "Distancia", kind: "bars", labels, series: [along("Distancia", distancia)], format: km },
    {
      title: "Costo",
      kind: "bars",
      labels,
      series: [along("Combustible", costoCombustible), along("Mantenimiento", costoMantenimiento)],
      format: money,
    },
    {
      title: "Rendimiento",
      kind: "line",
      labels,
      series: [along("Rendimiento", eficiencia, "kmPorLitro", null)],
      format: kmPerLitre,
    },
    {
      title: "Gastos por categoría",
      kind: "ranking",
      labels: { short: categories, long: categories },
      series: [spent],
      format: money,
    },
  ];
}

// The service counts months in UTC, and leaves out those with nothing in them.

const monthsAgo = (amount) => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - amount, 1)).toISOString();
};

const firstDay = (months) => monthsAgo(months).slice(0, 10);

const allMonths = (months) => Array.from({ length: months + 1 }, (_, index) => monthsAgo(months - index).slice(0, 7));
