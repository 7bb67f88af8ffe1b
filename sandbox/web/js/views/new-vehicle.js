// The form for a vehicle.

import { go, vehicleAt, VEHICLES } from "../addresses.js";
import { api } from "../api.js";
import { h } from "../dom.js";
import { form } from "../form.js";
import { say } from "../messages.js";
import { heading } from "../parts.js";

export async function view() {
  const nextYear = new Date().getFullYear() + 1;
  return h(
    "div",
    { class: "page narrow" },
    heading("Nuevo vehículo", { back: { href: VEHICLES, label: "Vehículos" } }),
    form({
      submit: "Guardar vehículo",
      onSubmit: save,
      fields: [
        {
          name: "alias",
          label: "Alias",
          maxlength: 20,
          hint: "El nombre corto con el que lo reconoces.",
          isWide: true,
        },
        { name: "marca", label: "Marca y línea", maxlength: 50, isWide: true },
        { name: "modelo", label: "Año", type: "number", min: 1900, max: nextYear, step: 1, inputmode: "numeric" },
        { name: "plates", label: "Placas", maxlength: 20 },
        {
          name: "kilometrajeInicial",
          label: "Kilometraje",
          type: "number",
          min: 0,
          value: 0,
          unit: "km",
          hint: "Lo que marca hoy el odómetro.",
        },
      ],
      aside: h("a", { href: VEHICLES }, "Cancelar"),
    }),
  );
}

async function save(vehicle) {
  const { data } = await api("vehicles", { method: "POST", body: vehicle });
  say(`${data.alias} está en tu lista.`);
  go(vehicleAt(data.alias));
}
