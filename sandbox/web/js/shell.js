// What is around every view: the brand, the menu, who is signed in, light and dark.

import { DASHBOARD, go, SIGN_IN, UPCOMING, USERS, VEHICLES } from "./addresses.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { say } from "./messages.js";
import * as session from "./session.js";
import { isDark, onThemeChange, remember, switchTheme } from "./theme.js";

const SECTIONS = {
  dashboard: ["Resumen", DASHBOARD, "gauge"],
  vehicles: ["Vehículos", VEHICLES, "car"],
  upcoming: ["Próximos", UPCOMING, "calendar"],
  users: ["Usuarios", USERS, "people"],
};

const bar = document.getElementById("bar");
const brand = h(
  "a",
  { class: "brand", href: DASHBOARD },
  h("img", { src: "/web/icon.svg", alt: "", width: 32, height: 32 }),
  h("span", {}, "KilomeTracker"),
);
const themeButton = h("button", { class: "tool", type: "button", onclick: switchTheme });

/** Show it for the person who is signed in, with one entry of the menu as the current one. */
export function showShell(current) {
  document.body.classList.toggle("signed-in", Boolean(session.user));
  const tools = h("div", { class: "tools" }, session.user ? person() : null, themeButton);
  bar.replaceChildren(brand, ...(session.user ? [menu(current)] : []), tools);
}

function menu(current) {
  const shown = Object.entries(SECTIONS).filter(([name]) => name !== "users" || session.isAdmin());
  const entries = shown.map(([name, [label, href, picture]]) =>
    h("li", {}, h("a", { href, "aria-current": name === current ? "page" : null }, icon(picture), label)),
  );
  return h("nav", { class: "menu", "aria-label": "Principal" }, h("ul", {}, entries));
}

function person() {
  const { username } = session.user;
  return [
    h(
      "span",
      { class: "person", title: session.user.email },
      h("span", { class: "initial", "aria-hidden": "true" }, [...username][0]),
      h("span", { class: "name" }, username),
    ),
    h(
      "button",
      { class: "tool", type: "button", onclick: leave, "aria-label": "Cerrar sesión", title: "Cerrar sesión" },
      icon("leave"),
    ),
  ];
}

async function leave() {
  try {
    await session.signOut();
  } catch (error) {
    return say(`No se pudo cerrar la sesión. ${error.message}`);
  }
  go(SIGN_IN);
  return remember();
}

function nameThemeButton() {
  const label = `Cambiar a tema ${isDark() ? "claro" : "oscuro"}`;
  themeButton.setAttribute("aria-label", label);
  themeButton.title = label;
  themeButton.replaceChildren(icon(isDark() ? "sun" : "moon"));
}

nameThemeButton();
onThemeChange(nameThemeButton);
