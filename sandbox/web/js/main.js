// The page's beginning.

import { start } from "./router.js";

// A fragment is an address here, so the link that skips the menu must not become one.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("contenido").focus();
});

await start();
