// What has just happened, in a sentence: shown for a while, and read out.

import { h } from "./dom.js";

const SHOWN_MS = 7_000;

const place = document.getElementById("messages");
let hiding;

/** Tell it; the one before goes. */
export function say(text) {
  clearTimeout(hiding);
  place.replaceChildren(h("p", { class: "message" }, text));
  hiding = setTimeout(() => place.replaceChildren(), SHOWN_MS);
}
