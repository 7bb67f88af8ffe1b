// The one door to the service: `fetch`, of our own origin alone. The session is in a cookie that no script can read.

const GIVE_UP_MS = 40_000; // the service itself gives up after 25 s, and says so

const WORDS = {
  0: "No hay conexión con el servicio.",
  401: "Tu sesión no está abierta.",
  403: "No tienes permiso para hacer esto.",
  404: "No lo encontramos.",
  413: "Lo que envías es demasiado grande.",
  429: "Son demasiados intentos seguidos.",
};

/** An answer that is no success; `status` 0 where there was none at all. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message            the service's own, in Spanish, where it has one
   * @param {string|null} code          `X-BFF-Error`: null when it was the backend that refused
   * @param {number|null} retryAfter    seconds
   */
  constructor(status, message, code = null, retryAfter = null) {
    super(message || WORDS[status] || "Algo salió mal.");
    Object.assign(this, { status, code, retryAfter });
  }

  /** Whether the same request may succeed in a while, and nobody has to change anything for it. */
  get isUnavailable() {
    return [0, 502, 503, 504].includes(this.status);
  }
}

/**
 * Ask the service.
 *
 * @param {string} path     below `/api/`, its parts encoded (see `at`)
 * @param {Object} options  `method`; `body`, sent as JSON; `signal`; `isPublic`: a 401 is about what was sent
 * @returns {Promise<Object>} the answer's JSON
 * @throws {ApiError} Or an AbortError, when `signal` says so
 */
export async function api(path, { method = "GET", body, signal, isPublic = false } = {}) {
  const answer = await send(`/api/${path}`, {
    method,
    credentials: "same-origin",
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
    signal,
  });
  if (answer.ok) return read(answer);
  const { error } = await read(answer);
  const failure = new ApiError(answer.status, error, answer.headers.get("X-BFF-Error"), seconds(answer.headers));
  if (answer.status === 401 && !isPublic) document.dispatchEvent(new CustomEvent("signedout", { detail: failure }));
  throw failure;
}

/** A path of which each part is encoded: at`vehicles/${alias}/stats`. */
export const at = (texts, ...parts) => String.raw({ raw: texts }, ...parts.map(encodeURIComponent));

async function send(url, { signal, ...options }) {
  const limits = [AbortSignal.timeout(GIVE_UP_MS), ...(signal ? [signal] : [])];
  try {
    return await fetch(url, { ...options, signal: AbortSignal.any(limits) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0);
  }
}

async function read(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (answer.ok) throw new ApiError(502);
    return {};
  }
}

function seconds(headers) {
  const said = headers.get("Retry-After");
  if (!said) return null;
  const amount = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1000;
  return Number.isNaN(amount) ? null : Math.max(1, Math.ceil(amount));
}
