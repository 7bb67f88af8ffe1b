// The first page of who is not signed in: what this is, the form, and accounts to try it with.

import { DASHBOARD, go, REGISTER } from "../addresses.js";
import { h } from "../dom.js";
import { form } from "../form.js";
import { welcome } from "../welcome.js";
import { arrival, signIn } from "../session.js";

// The sandbox's, and no secret; a test compares them.
export const DEMO_ACCOUNTS = [
  { role: "Cuenta demo", email: "demo@kilometracker.test", password: "Kilometros123" },
  { role: "Solo lectura", email: "lucia@kilometracker.test", password: "Lectura123" },
  { role: "Administración", email: "admin@kilometracker.test", password: "Administra123" },
];

export async function view() {
  const { notice, email } = arrival;
  arrival.notice = null;
  const credentials = form({
    submit: "Entrar",
    onSubmit: enter,
    mayRepeat: true,
    fields: [
      { name: "email", label: "Correo", type: "email", autocomplete: "username", value: email || null, isWide: true },
      { name: "password", label: "Contraseña", type: "password", autocomplete: "current-password", isWide: true },
    ],
    aside: h("a", { href: REGISTER }, "Crear una cuenta"),
  });
  return welcome(
    h("h1", { tabindex: "-1" }, "Entrar"),
    notice ? h("p", { class: "notice", role: "status" }, notice) : null,
    credentials,
    h("h2", { class: "or" }, "O pruébalo con una cuenta de ejemplo"),
    h(
      "div",
      { class: "demos" },
      DEMO_ACCOUNTS.map((account) => demo(account, credentials)),
    ),
  );
}

async function enter(credentials) {
  const address = arrival.wanted || DASHBOARD;
  await signIn(credentials);
  go(address);
}

/** A button that fills in the form and sends it, so that what goes wrong is told in one place. */
function demo({ role, email, password }, credentials) {
  function use() {
    credentials.elements.email.value = email;
    credentials.elements.password.value = password;
    credentials.requestSubmit();
  }
  return h("button", { class: "button quiet", type: "button", onclick: use }, role);
}
