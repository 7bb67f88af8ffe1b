// What is due: services by day or by distance, and payments that recur.

import { vehicleAt } from "../addresses.js";
import { api } from "../api.js";
import { h } from "../dom.js";
import { day, daysUntil, inDays, km, money } from "../format.js";
import { badge, heading, section } from "../parts.js";
import { empty } from "../states.js";

const SOON_DAYS = 30;
const SOON_KM = 500;

export async function view({ signal }) {
  const [services, payments] = await Promise.all([
    api("maintenance/upcoming", { signal }),
    api("expenses/upcoming", { signal }),
  ]);
  const page = h("div", { class: "page" }, heading("Próximos", { lead: "Servicios y pagos que se acercan." }));
  if (!services.count && !payments.count) {
    page.append(
      empty(
        "calendar",
        "Nada por ahora",
        "Cuando anotes un servicio con su próxima fecha, o un gasto que se repite, lo verás aquí.",
      ),
    );
    return page;
  }
  const due = services.data
    .map((record) => ({ record, ...judged(record) }))
    .sort((one, other) => one.rank - other.rank);
  if (due.length) page.append(section("Mantenimiento", h("ul", { class: "activity card" }, due.map(service))));
  if (payments.count)
    page.append(
      section("Pagos de los próximos 30 días", h("ul", { class: "activity card" }, payments.data.map(payment))),
    );
  return page;
}

/** How urgent a service is: by whichever comes first, its day or its distance. `rank` sorts, the most urgent first. */
function judged({ proximoServicioFecha: date, proximoServicioKm: distance, vehicle }) {
  const days = date ? daysUntil(date) : Infinity;
  const left = distance === null ? Infinity : distance - vehicle.kilometrajeTotal;
  const rank = Math.min(days / SOON_DAYS, left / SOON_KM);
  const when = [
    date ? `${day(date)} (${inDays(days)})` : null,
    distance === null ? null : left < 0 ? `pasado por ${km(-left)}` : `a los ${km(distance)}, faltan ${km(left)}`,
  ];
  return { rank, when: when.filter(Boolean).join(" · o ") };
}

function service({ record, rank, when }) {
  const [word, kind] = rank < 0 ? ["Vencido", "bad"] : rank <= 1 ? ["Pronto", "soon"] : ["En plan", "good"];
  return line(record, `${record.tipo}: ${record.descripcion}`, when, badge(word, kind));
}

const payment = (record) =>
  line(
    record,
    `${record.categoria}: ${record.descripcion}`,
    `${day(record.proximoPago)} (${inDays(daysUntil(record.proximoPago))})`,
    money(record.monto),
  );

const line = (record, what, when, end) =>
  h(
    "li",
    {},
    h(
      "div",
      { class: "grow" },
      h("p", { class: "what" }, what),
      h(
        "p",
        { class: "muted dotted" },
        h("span", {}, h("a", { href: vehicleAt(record.vehicle.alias) }, record.vehicle.alias)),
        h("span", {}, when),
      ),
    ),
    h("p", { class: "amount" }, end),
  );
