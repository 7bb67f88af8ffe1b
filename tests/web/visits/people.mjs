// What people do on the page, in several visits; by the words they read.

export const DEMO = "Cuenta demo";
export const READER = "Solo lectura";
export const ADMIN = "Administración";

/** Open the page and sign in with one of its example accounts. */
export async function signIn(page, origin, account = DEMO) {
  await page.goto(origin);
  await page.getByRole("button", { name: account, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Hola" }).waitFor();
}

/** Follow the menu. */
export async function open(page, entry) {
  await page.getByRole("navigation").getByRole("link", { name: entry }).click();
}

export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });

/** An entry of the form. */
export const entry = (page, label) => page.locator("form").getByLabel(label, { exact: true });

export const button = (page, name) => page.getByRole("button", { name, exact: true });

/** The picture that a chart shows, as data. */
export const picture = (page, title) =>
  page
    .getByRole("figure", { name: title })
    .locator("canvas")
    .evaluate((canvas) => canvas.toDataURL());

/** The numbers of a figure: [[month or category, values…]]. */
export async function numbers(page, title) {
  const figure = page.getByRole("figure", { name: title });
  await figure.getByText("Ver los números").click();
  return figure
    .locator("tbody tr")
    .evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText)));
}

/** Ask as a script of the page would. */
export const call = (page, path) =>
  page.evaluate(async (path) => {
    const response = await fetch(path);
    return { status: response.status, error: response.headers.get("x-bff-error"), body: await response.text() };
  }, path);
