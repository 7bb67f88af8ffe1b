// Every vehicle, those out of use too.

import { NEW_VEHICLE, vehicleAt } from "../addresses.js";
import { api } from "../api.js";
import { h } from "../dom.js";
import { action, badge, counted, heading, odometer } from "../parts.js";
import { canWrite } from "../session.js";
import { empty } from "../states.js";

const AS_MANY_AS_THERE_ARE = 100; // the service gives no more at once; without a limit, ten

export async function view({ signal }) {
  const { data, pagination } = await api(`vehicles?limit=${AS_MANY_AS_THERE_ARE}`, { signal });
  const add = canWrite() ? [action("Agregar vehículo", NEW_VEHICLE, "plus")] : [];
  const lead = data.length ? counted(pagination.total, "vehículo", "vehículos") : null;
  return h(
    "div",
    { class: "page" },
    heading("Vehículos", { lead, actions: add }),
    data.length
      ? h("ul", { class: "cards" }, data.map(card))
      : empty("car", "Todavía no hay vehículos", "Aquí aparecerá cada uno con lo que marca su odómetro."),
  );
}

function card({ alias, marca, modelo, plates, kilometrajeTotal, isActive }) {
  return h(
    "li",
    { class: isActive ? "card vehicle" : "card vehicle idle" },
    h(
      "div",
      {},
      h("h2", {}, h("a", { class: "cover", href: vehicleAt(alias) }, alias)),
      h("p", { class: "muted" }, `${marca} · ${modelo}`),
    ),
    odometer(kilometrajeTotal),
    h("p", { class: "row" }, plates ? badge(plates, "plate") : null, isActive ? null : badge("De baja")),
  );
}
