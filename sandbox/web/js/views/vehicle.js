// One vehicle: its odometer, its figures, its charts, and what was written down last.

import { newRecordAt, VEHICLES } from "../addresses.js";
import { activity, latest } from "../activity.js";
import { api, at } from "../api.js";
import { h } from "../dom.js";
import { km, kmPerLitre, money } from "../format.js";
import { action, badge, counted, heading, odometer, section, tile, tiles } from "../parts.js";
import { RECORDS } from "../records.js";
import { canWrite } from "../session.js";
import { empty } from "../states.js";
import { monthByMonth } from "../trends.js";

export async function view({ alias, signal }) {
  const [{ data }, records, trends] = await Promise.all([
    api(at`vehicles/${alias}/stats`, { signal }),
    latest({ alias, signal }),
    monthByMonth({ alias, signal }),
  ]);
  const { vehicle, statistics, costs, efficiency } = data;
  const mayAdd = canWrite() && vehicle.isActive;
  return h(
    "div",
    { class: "page" },
    heading(vehicle.alias, {
      back: { href: VEHICLES, label: "Vehículos" },
      lead: h(
        "span",
        { class: "row" },
        `${vehicle.marca} · ${vehicle.modelo}`,
        vehicle.plates ? badge(vehicle.plates, "plate") : null,
        vehicle.isActive ? null : badge("De baja"),
      ),
      actions: mayAdd ? adding(vehicle.alias) : [],
    }),
    h(
      "div",
      { class: "hero card" },
      odometer(vehicle.kilometrajeTotal),
      h("p", { class: "muted" }, story(vehicle, statistics)),
    ),
    tiles(
      tile("Costo total", money(costs.total), `combustible ${money(costs.combustible)}`),
      tile("Costo por km", costs.costoPorKm ? money(costs.costoPorKm) : "—"),
      tile("Rendimiento", kmPerLitre(efficiency.kmPorLitro), counted(statistics.totalRefuels, "carga", "cargas")),
      tile(
        "Viaje promedio",
        efficiency.promedioDistanciaPorRuta ? km(efficiency.promedioDistanciaPorRuta) : "—",
        `en ${counted(statistics.totalRoutes, "viaje", "viajes")}`,
      ),
    ),
    trends,
    section("Últimos movimientos", records.length ? activity(records) : nothing(mayAdd)),
  );
}

const story = ({ kilometrajeInicial }, { totalRoutes, totalDistancia }) =>
  `Empezó en ${km(kilometrajeInicial)}; desde entonces, ${counted(totalRoutes, "viaje", "viajes")} y ${km(totalDistancia)}.`;

/** A button for each kind of record; the first is what people write down most. */
const adding = (alias) =>
  Object.entries(RECORDS).map(([kind, { name, icon }], index) =>
    action(name, newRecordAt(alias, kind), icon, index ? "quiet" : ""),
  );

const nothing = (mayAdd) =>
  empty(
    "trip",
    "Sin movimientos",
    mayAdd ? "Anota el primer viaje o la primera carga con los botones de arriba." : "Todavía no se ha anotado nada.",
  );
