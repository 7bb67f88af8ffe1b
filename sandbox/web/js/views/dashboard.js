// All active vehicles at a glance.

import { NEW_VEHICLE, UPCOMING, vehicleAt } from "../addresses.js";
import { activity, latest } from "../activity.js";
import { api } from "../api.js";
import { h } from "../dom.js";
import { km, kmPerLitre, money, roundMoney } from "../format.js";
import { icon } from "../icons.js";
import { action, heading, odometer, section, tile, tiles } from "../parts.js";
import { canWrite, user } from "../session.js";
import { empty } from "../states.js";

export async function view({ signal }) {
  const [{ data }, records] = await Promise.all([api("dashboard", { signal }), latest({ signal })]);
  const { summary, vehicles, alerts } = data;
  const add = canWrite() ? [action("Agregar vehículo", NEW_VEHICLE, "plus")] : [];
  const top = heading(`Hola, ${user.username}`, { lead: "Así van tus vehículos.", actions: add });
  if (!vehicles.length) return h("div", { class: "page" }, top, nothing(add));
  return h(
    "div",
    { class: "page" },
    top,
    tiles(
      tile("Este mes", km(summary.kmThisMonth), "recorridos entre todos"),
      tile("Últimos 30 días", roundMoney(summary.totalSpentLast30Days), "combustible, servicios y gastos"),
      tile("En total", km(summary.totalKmAllVehicles), "suma de los odómetros"),
    ),
    alerts.length ? due(alerts) : null,
    section("Vehículos", h("ul", { class: "cards" }, vehicles.map(card))),
    records.length ? section("Últimos movimientos", activity(records, { withVehicle: true })) : null,
  );
}

const nothing = () =>
  empty(
    "car",
    "Todavía no hay vehículos",
    canWrite()
      ? "Agrega el primero con lo que marca su odómetro, y anota viajes y cargas."
      : "Tu rol es de solo lectura.",
  );

function due(alerts) {
  const entries = alerts.map(({ vehicleAlias, message }) =>
    h("li", {}, h("a", { href: vehicleAt(vehicleAlias) }, vehicleAlias), ` · ${message}`),
  );
  return h(
    "section",
    { class: "alerts", "aria-labelledby": "alerts" },
    h("span", { class: "disc soon" }, icon("wrench")),
    h("div", { class: "grow" }, h("h2", { id: "alerts" }, "Servicios que se acercan"), h("ul", {}, entries)),
    h("a", { href: UPCOMING }, "Ver todos"),
  );
}

function card({ alias, marca, modelo, kilometrajeTotal, spentThisMonth, efficiency }) {
  return h(
    "li",
    { class: "card vehicle" },
    h(
      "div",
      {},
      h("h3", {}, h("a", { class: "cover", href: vehicleAt(alias) }, alias)),
      h("p", { class: "muted" }, `${marca} · ${modelo}`),
    ),
    odometer(kilometrajeTotal),
    h(
      "dl",
      { class: "pairs" },
      h("div", {}, h("dt", {}, "Rendimiento"), h("dd", {}, kmPerLitre(efficiency.kmPorLitro))),
      h("div", {}, h("dt", {}, "Combustible del mes"), h("dd", {}, money(spentThisMonth))),
    ),
  );
}
