// Every account, for who administers them; anybody else is refused by the service.

import { api } from "../api.js";
import { h } from "../dom.js";
import { day } from "../format.js";
import { badge, counted, heading } from "../parts.js";

const ROLES = { read: "Lectura", write: "Escritura", admin: "Administración", root: "Raíz" };
const COLUMNS = ["Nombre", "Correo", "Rol", "Estado", "Desde"];

export async function view({ signal }) {
  const { data } = await api("auth/users", { signal });
  const active = data.filter(({ isActive }) => isActive).length;
  return h(
    "div",
    { class: "page" },
    heading("Usuarios", {
      lead: `${counted(data.length, "cuenta", "cuentas")}, ${counted(active, "activa", "activas")}.`,
    }),
    h(
      "div",
      { class: "card scroll", tabindex: "0", role: "region", "aria-label": "Cuentas" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            COLUMNS.map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        h("tbody", {}, data.map(row)),
      ),
    ),
  );
}

function row({ username, email, role, isActive, createdAt }) {
  const state = isActive ? badge("Activa", "good") : badge("De baja");
  const cells = [email, badge(ROLES[role] ?? role), state, day(createdAt)];
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, username),
    cells.map((cell) => h("td", {}, cell)),
  );
}
