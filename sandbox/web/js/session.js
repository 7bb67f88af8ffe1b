// Who is signed in. The cookie is the session; what is kept here is the person's name and role, as long as the page is open.

import { api } from "./api.js";

/** The signed-in user: `{username, email, role}`; null for nobody; undefined as long as nobody has asked. */
export let user;

/** What the sign-in form tells (why it is there), what it begins with, and where to go on when it is done. */
export const arrival = { notice: null, email: "", wanted: null };

const WORDS = {
  no_session: "Tu sesión se cerró. Entra de nuevo para seguir donde estabas.",
  session_expired: "Tu sesión caducó. Entra de nuevo para seguir donde estabas.",
  backend: "El servidor ya no acepta tu sesión. Entra de nuevo.",
};

/** Find out who is signed in: first whether there is a session at all, which is never an error. */
export async function restore(signal) {
  if (user !== undefined) return;
  const { authenticated } = await api("auth/session", { signal });
  user = authenticated ? (await api("auth/me", { signal })).data : null;
}

export async function signIn(credentials) {
  const { user: found } = await api("auth/login", { method: "POST", body: credentials, isPublic: true });
  Object.assign(arrival, { notice: null, email: "" });
  user = found;
}

/** The new account, as the service has written it down. */
export async function register(account) {
  const body = { ...account, role: "write" };
  const { data } = await api("auth/register", { method: "POST", body, isPublic: true });
  Object.assign(arrival, { notice: "Tu cuenta está lista. Entra con tu contraseña.", email: data.user.email });
}

export async function signOut() {
  await api("auth/logout", { method: "POST", isPublic: true });
  Object.assign(arrival, { notice: "Cerraste tu sesión. ¡Buen camino!", email: "", wanted: null });
  user = null;
}

/** The service no longer knows us; why is for the sign-in form. False where that is known: views ask several things at once. */
export function lose(failure) {
  if (user === null) return false;
  arrival.notice = WORDS[failure.code] ?? WORDS.backend;
  user = null;
  return true;
}

export const canWrite = () => user?.role !== "read";
export const isAdmin = () => ["admin", "root"].includes(user?.role);
