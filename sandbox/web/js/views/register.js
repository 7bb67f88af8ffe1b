// A new account. It is not signed in by being made: that is asked for next.

import { go, SIGN_IN } from "../addresses.js";
import { h } from "../dom.js";
import { form } from "../form.js";
import { register } from "../session.js";
import { welcome } from "../welcome.js";

export async function view() {
  return welcome(
    h("h1", { tabindex: "-1" }, "Crear una cuenta"),
    form({
      submit: "Crear cuenta",
      onSubmit: create,
      fields: [
        { name: "username", label: "Nombre", autocomplete: "nickname", minlength: 3, maxlength: 50, isWide: true },
        { name: "email", label: "Correo", type: "email", autocomplete: "username", isWide: true },
        {
          name: "password",
          label: "Contraseña",
          type: "password",
          autocomplete: "new-password",
          minlength: 6,
          hint: "Al menos 6 caracteres.",
          isWide: true,
        },
      ],
      aside: h("a", { href: SIGN_IN }, "Ya tengo una cuenta"),
    }),
  );
}

async function create(account) {
  await register(account);
  go(SIGN_IN);
}
