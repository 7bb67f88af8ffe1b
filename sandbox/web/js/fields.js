// One entry of a form: its label, its control, its hint, and what is wrong with it.

import { h, newId } from "./dom.js";

/**
 * An entry.
 *
 * @param {Object} what
 * @param {string} what.name
 * @param {string} what.label
 * @param {string} [what.type]       of an <input>; or `select`, `textarea`; `text` by default
 * @param {string} [what.hint]       what to write, and how
 * @param {string[]} [what.options]  of a `select`
 * @param {string} [what.unit]       shown behind the control
 * @param {boolean} [what.isOptional]
 * @param {boolean} [what.isWide]    takes a whole line
 * All else is an attribute of the control.
 */
export function field({ name, label, type = "text", hint, options, unit, isOptional, isWide, ...attributes }) {
  const id = newId(name);
  const [hintId, troubleId] = [`${id}-hint`, `${id}-trouble`];
  const input = control(type, options, {
    id,
    name,
    required: type !== "checkbox" && !isOptional,
    "aria-describedby": [hint && hintId, troubleId].filter(Boolean).join(" "),
    ...attributes,
  });
  const trouble = h("p", { class: "wrong", id: troubleId });
  const caption = h(
    "label",
    { for: id },
    label,
    isOptional && type !== "checkbox" ? h("small", {}, " opcional") : null,
  );
  const shown = unit ? h("div", { class: "with-unit" }, input, h("span", { "aria-hidden": "true" }, unit)) : input;
  const order = type === "checkbox" ? [shown, caption] : [caption, shown];
  const kind = type === "checkbox" ? "field check" : "field";
  const element = h(
    "div",
    { class: isWide ? `${kind} wide` : kind },
    order,
    hint ? h("p", { class: "hint", id: hintId }, hint) : null,
    trouble,
  );

  /** Whether the entry is fine; if not, say so beside it. */
  function check() {
    trouble.textContent = complaint(input);
    input.setAttribute("aria-invalid", String(Boolean(trouble.textContent)));
    return !trouble.textContent;
  }
  input.addEventListener("change", () => input.hasAttribute("aria-invalid") && check());
  return { name, input, element, check, value: () => valueOf(input) };
}

function control(type, options, attributes) {
  if (type === "select")
    return h(
      "select",
      attributes,
      options.map((option) => h("option", {}, option)),
    );
  if (type === "textarea") return h("textarea", { rows: 3, ...attributes });
  const number = type === "number" ? { step: "any", inputmode: "decimal" } : {};
  return h("input", { type, ...number, ...attributes });
}

/** As JSON has it: a number for a number, a boolean for a box; "" for nothing. */
function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.type === "number") return input.value === "" ? "" : input.valueAsNumber;
  return input.type === "password" ? input.value : input.value.trim();
}

/** What is wrong, in words of ours: the browser's are in the browser's language. */
function complaint({ validity, value, required, minLength, min, max }) {
  if (validity.badInput) return "Escribe un número.";
  if (validity.valueMissing || (required && !value.trim())) return "Este dato es necesario.";
  if (minLength > 0 && value && value.length < minLength) return `Escribe al menos ${minLength} caracteres.`;
  if (validity.typeMismatch) return "Escribe un correo como nombre@ejemplo.com.";
  if (validity.rangeUnderflow) return `Lo mínimo es ${min}.`;
  if (validity.rangeOverflow) return `Lo máximo es ${max}.`;
  return validity.valid ? "" : "Revisa este dato.";
}
