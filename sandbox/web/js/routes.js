// Which view an address stands for.

import * as dashboard from "./views/dashboard.js";
import * as newRecord from "./views/new-record.js";
import * as newVehicle from "./views/new-vehicle.js";
import * as register from "./views/register.js";
import * as signIn from "./views/sign-in.js";
import * as upcoming from "./views/upcoming.js";
import * as users from "./views/users.js";
import * as vehicle from "./views/vehicle.js";
import * as vehicles from "./views/vehicles.js";

// A part that begins with a colon is a parameter; `isPublic` is for nobody signed in; `section` is an entry of the menu.
const ROUTES = [
  { path: "", section: "dashboard", ...dashboard },
  { path: "entrar", isPublic: true, ...signIn },
  { path: "registro", isPublic: true, ...register },
  { path: "vehiculos", section: "vehicles", ...vehicles },
  { path: "vehiculos/nuevo", section: "vehicles", ...newVehicle },
  { path: "vehiculo/:alias", section: "vehicles", ...vehicle },
  { path: "vehiculo/:alias/:kind", section: "vehicles", ...newRecord },
  { path: "proximos", section: "upcoming", ...upcoming },
  { path: "usuarios", section: "users", ...users },
];

/**
 * The route of a fragment.
 *
 * @param {string} fragment  as in `location.hash`
 * @returns {{isPublic: boolean, section: string, view: Function, parameters: Object}|null}
 */
export function find(fragment) {
  const parts = fragment.replace(/^#?\/?/, "").split("/");
  for (const { isPublic = false, ...route } of ROUTES) {
    const parameters = matched(route.path.split("/"), parts);
    if (parameters) return { ...route, isPublic, parameters };
  }
  return null;
}

function matched(pattern, parts) {
  if (pattern.length !== parts.length) return null;
  const parameters = {};
  for (const [index, expected] of pattern.entries()) {
    if (!expected.startsWith(":")) {
      if (expected !== parts[index]) return null;
      continue;
    }
    const value = decoded(parts[index]);
    if (!value) return null;
    parameters[expected.slice(1)] = value;
  }
  return parameters;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return null; // a percent sign that somebody typed
  }
}
