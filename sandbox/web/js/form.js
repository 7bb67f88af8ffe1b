// A form from a list of fields: labels, hints, what is wrong with an entry, what the service says of it.

import { ApiError } from "./api.js";
import { h } from "./dom.js";
import { field } from "./fields.js";

const UNAVAILABLE = "El servicio no está disponible. Lo que escribiste sigue aquí: inténtalo de nuevo en un momento.";
const UNCERTAIN = "No llegó respuesta, y puede que sí se haya guardado. Revísalo antes de intentarlo de nuevo.";

/**
 * A form.
 *
 * @param {Object} what
 * @param {Object[]} what.fields    see `field`
 * @param {string} what.submit      the button's text
 * @param {Function} what.onSubmit  is given the entries by name, blank ones left out; what `api` throws is shown
 * @param {Object} [what.aside]     a node beside the button
 * @param {boolean} [what.mayRepeat]  sending it twice does no more than sending it once
 */
export function form({ fields, submit, onSubmit, aside, mayRepeat = false }) {
  const rows = fields.map(field);
  const trouble = h("div", { class: "trouble", role: "alert" });
  const button = h("button", { class: "button", type: "submit" }, submit);
  const element = h(
    "form",
    { class: "form", novalidate: true, method: "post" },
    h(
      "div",
      { class: "fields" },
      rows.map((row) => row.element),
    ),
    trouble,
    h("div", { class: "actions" }, button, aside),
  );

  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    trouble.replaceChildren();
    const wrong = rows.filter((row) => !row.check());
    if (wrong.length) return wrong[0].input.focus();
    button.disabled = true;
    element.setAttribute("aria-busy", "true");
    try {
      await onSubmit(entries(rows));
      button.disabled = false;
    } catch (error) {
      trouble.append(h("p", {}, words(error, mayRepeat)));
      offer(error, button, submit);
    } finally {
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

function entries(rows) {
  const pairs = rows.map((row) => [row.name, row.value()]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ""));
}

/** What went wrong. Where no answer came, the service may have done it all the same. */
function words(error, mayRepeat) {
  if (!(error instanceof ApiError)) {
    console.error(error);
    return "La página tropezó con un error propio.";
  }
  if (!error.isUnavailable) return error.message;
  const isUncertain = [0, 504].includes(error.status) || error.code === "backend_invalid";
  return isUncertain && !mayRepeat ? UNCERTAIN : UNAVAILABLE;
}

/** Have the button say what to do: try again, now or in so many seconds. */
function offer(error, button, submit) {
  if (error.status === 429 && error.retryAfter) return countDown(error.retryAfter, button, submit);
  button.disabled = false;
  button.textContent = error.isUnavailable ? "Reintentar" : submit;
}

function countDown(seconds, button, submit) {
  const until = Date.now() + seconds * 1000;
  const ticking = setInterval(tick, 1000);
  function tick() {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.textContent = left > 0 ? `Espera ${left} s` : submit;
    button.disabled = left > 0;
    if (left <= 0) clearInterval(ticking);
  }
  tick();
}
