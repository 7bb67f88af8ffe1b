// From the address to a view; and what is shown while it loads, and where it cannot be shown.
//
// A view is a module with `view({…parameters, signal}) → Promise<Node>`. It holds an <h1>, and throws what `api` throws;
// `signal` is aborted when the person goes elsewhere.

import { DASHBOARD, go, SIGN_IN } from "./addresses.js";
import { ApiError } from "./api.js";
import { say } from "./messages.js";
import { find } from "./routes.js";
import * as session from "./session.js";
import { showShell } from "./shell.js";
import { failure, loading, outage } from "./states.js";

const PATIENCE_MS = 150; // an answer within it comes without a flash of the skeleton
const LONGEST_PAUSE_S = 15;

const main = document.getElementById("contenido");
let leaving = new AbortController();
let isFirst = true;

/** Show what the address asks for, from now on. */
export function start() {
  window.addEventListener("hashchange", render);
  document.addEventListener("signedout", ({ detail }) => {
    if (!session.lose(detail)) return;
    comeBackAfterSigningIn();
    go(SIGN_IN);
  });
  showShell();
  return render();
}

async function render() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const skeleton = setTimeout(() => signal.aborted || show(loading()), PATIENCE_MS);
  const stopWaiting = () => clearTimeout(skeleton);
  try {
    const view = await persist(signal, stopWaiting);
    if (view && !signal.aborted) arrive(view);
  } catch (error) {
    if (signal.aborted || error.status === 401) return; // of a 401 `signedout` has told
    if (!(error instanceof ApiError)) console.error(error);
    arrive(failure(error));
  } finally {
    stopWaiting();
  }
}

/** Load the view; as long as the service is unavailable say so, and try again by ourselves. */
async function persist(signal, stopWaiting) {
  let sign = null;
  for (let pause = 2; ; pause = Math.min(pause * 2, LONGEST_PAUSE_S)) {
    try {
      const view = await load(signal);
      if (sign) say("El servicio está de vuelta.");
      return view;
    } catch (error) {
      if (signal.aborted || !error.isUnavailable) throw error;
      stopWaiting();
      if (!sign) arrive((sign = outage()).element);
      await sign.pause(error, error.retryAfter ?? pause, signal);
      signal.throwIfAborted();
    }
  }
}

/** The view that the address asks for; null where another address is due. */
async function load(signal) {
  await session.restore(signal);
  const route = find(location.hash);
  if (!route) throw new ApiError(404, "Esta página no existe.");
  if (route.isPublic === Boolean(session.user)) {
    comeBackAfterSigningIn();
    location.replace(session.user ? DASHBOARD : SIGN_IN);
    return null;
  }
  showShell(route.section);
  return route.view({ ...route.parameters, signal });
}

function comeBackAfterSigningIn() {
  if (!find(location.hash)?.isPublic) session.arrival.wanted = location.hash;
}

function show(content) {
  main.replaceChildren(content);
  main.setAttribute("aria-busy", String(content.classList.contains("loading")));
}

/** Show it, name the page after it, and let a screen reader begin there. */
function arrive(content) {
  show(content);
  const heading = main.querySelector("h1");
  document.title = `${heading.textContent} · KilomeTracker`;
  if (isFirst) performance.mark("interactive");
  else {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
  isFirst = false;
}
