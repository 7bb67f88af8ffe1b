// The addresses of the page's views, each a fragment, so that the server knows one page alone.

const to = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

export const DASHBOARD = to();
export const SIGN_IN = to("entrar");
export const REGISTER = to("registro");
export const VEHICLES = to("vehiculos");
export const NEW_VEHICLE = to("vehiculos", "nuevo");
export const UPCOMING = to("proximos");
export const USERS = to("usuarios");
export const vehicleAt = (alias) => to("vehiculo", alias);

/** The form for a record of a vehicle; `kind` is a key of RECORDS. */
export const newRecordAt = (alias, kind) => to("vehiculo", alias, kind);

/** Go there; where we are there already, have it shown anew. */
export function go(address) {
  if (location.hash === address) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = address;
}
