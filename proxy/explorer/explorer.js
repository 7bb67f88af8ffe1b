// Starts Swagger UI on this service's own document, and tells at the top whether there is a session.

const session = document.getElementById("session");
const dark = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

async function tellSession() {
  const response = await fetch("/api/auth/session");
  const { authenticated, expiresIn } = response.ok ? await response.json() : {};
  const left = Number.isInteger(expiresIn) ? `, for ${Math.ceil(expiresIn / 3600)} hours` : "";
  session.textContent = authenticated
    ? `Signed in${left}: the browser sends the cookie, and no script can read it.`
    : "Not signed in: Execute POST /api/auth/login, and the browser keeps the cookie.";
}

// The cookie is HttpOnly: there is nothing to type in for it, and a token has no business in a page.
const withoutAuthorize = {
  wrapComponents: { authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null },
};

follow();
dark.addEventListener("change", follow);
tellSession();
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#explorer",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  plugins: [withoutAuthorize],
  tryItOutEnabled: true,
  validatorUrl: null,
  responseInterceptor(response) {
    if (response.url.includes("/api/")) tellSession();
    return response;
  },
});
