// What is shown in the place of a view: it loads, there is nothing, it failed, the service is unavailable.

import { DASHBOARD } from "./addresses.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const TITLES = {
  403: "No tienes acceso",
  404: "No encontrado",
  413: "Demasiado grande",
  429: "Vamos más despacio",
};

const REASONS = {
  0: "No hay conexión con esta aplicación. Revisa tu red, o espera a que vuelva a arrancar.",
  502: "No podemos comunicarnos con el servidor de datos.",
  503: "Hay demasiadas peticiones en este momento.",
  504: "El servidor de datos tarda demasiado en responder.",
};

/** A skeleton, while the view is on its way. */
export function loading() {
  const blocks = ["title", "tile", "tile", "tile", "wide"].map((kind) => h("div", { class: `bone ${kind}` }));
  return h("div", { class: "page loading" }, h("h1", { class: "unseen" }, "Cargando…"), blocks);
}

/** There is nothing yet: what it would be, and what to do about it. */
export function empty(picture, title, text, ...actions) {
  return h(
    "div",
    { class: "empty" },
    h("span", { class: "disc" }, icon(picture)),
    h("h2", {}, title),
    h("p", {}, text),
    actions.length ? h("div", { class: "actions" }, actions) : null,
  );
}

/** It failed, and trying again would not help. */
export function failure(error) {
  return h(
    "div",
    { class: "page" },
    h(
      "div",
      { class: "empty", role: "alert" },
      h("span", { class: "disc bad" }, icon("warning")),
      h("h1", { tabindex: "-1" }, TITLES[error.status] ?? "Algo salió mal"),
      h("p", {}, error.status === undefined ? "La página tropezó con un error propio." : error.message),
      error.retryAfter ? h("p", {}, `Puedes volver a intentarlo en ${error.retryAfter} s.`) : null,
      h("div", { class: "actions" }, h("a", { class: "button", href: DASHBOARD }, "Ir al resumen")),
    ),
  );
}

/** The service is unavailable: says so once, then counts down to each new attempt. */
export function outage() {
  const reason = h("p");
  const clock = h("p", { class: "muted" });
  const button = h("button", { class: "button", type: "button" }, "Reintentar");
  const element = h(
    "div",
    { class: "page" },
    h(
      "div",
      { class: "empty" },
      h("span", { class: "disc bad" }, icon("plug")),
      h("h1", { tabindex: "-1" }, "El servicio no está disponible"),
      h("div", { role: "status" }, reason),
      clock,
      h("div", { class: "actions" }, button),
    ),
  );

  /** Wait so many seconds, or until the button is pressed, the network is back, or the person goes elsewhere. */
  function pause(error, seconds, signal) {
    reason.textContent = REASONS[error.status];
    return new Promise((resolve) => {
      const done = new AbortController();
      let left = seconds;
      const tell = () => (clock.textContent = `Lo intentamos de nuevo en ${left} s.`);
      const ticking = setInterval(() => (--left > 0 ? tell() : finish()), 1000);
      function finish() {
        clearInterval(ticking);
        done.abort();
        clock.textContent = "Intentando…";
        resolve();
      }
      tell();
      button.addEventListener("click", finish, { signal: done.signal });
      window.addEventListener("online", finish, { signal: done.signal });
      signal.addEventListener("abort", finish, { signal: done.signal });
    });
  }
  return { element, pause };
}
