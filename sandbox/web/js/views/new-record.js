// The form for a record of a vehicle, of whichever kind.

import { go, vehicleAt } from "../addresses.js";
import { api, ApiError, at } from "../api.js";
import { h } from "../dom.js";
import { form } from "../form.js";
import { say } from "../messages.js";
import { heading } from "../parts.js";
import { RECORDS } from "../records.js";

export async function view({ alias, kind, signal }) {
  if (!Object.hasOwn(RECORDS, kind)) throw new ApiError(404, "Esta página no existe.");
  const { title, path, fields, saved, body = (entries) => entries } = RECORDS[kind];
  const { data: vehicle } = await api(at`vehicles/${alias}`, { signal });
  const address = vehicleAt(vehicle.alias);

  async function save(entries) {
    await api(path, { method: "POST", body: { vehicleAlias: vehicle.alias, ...body(entries) } });
    say(saved(entries));
    go(address);
  }
  return h(
    "div",
    { class: "page narrow" },
    heading(title, { back: { href: address, label: vehicle.alias }, lead: `${vehicle.marca} · ${vehicle.modelo}` }),
    form({ submit: "Guardar", onSubmit: save, fields: fields(), aside: h("a", { href: address }, "Cancelar") }),
  );
}
