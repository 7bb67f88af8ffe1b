// A session that ends in each of the ways it can.
// told:   {expired, foreign: tokens}
// result: {asked: {<name>: [path]}, jar: {<name>: [name of a cookie]}}

import { heading, open, signIn, button, DEMO } from "./people.mjs";

export default async function ({ arrive, keep, told, report }) {
  const page = await arrive();
  const context = page.context();
  const result = { asked: {}, jar: {} };
  const plant = (value) =>
    context.addCookies([{ name: "token", value, url: told.origin, httpOnly: true, sameSite: "Strict" }]);

  /** What is asked for from now on until the form is there and nothing is asked for any more. */
  async function watch(name, act) {
    const from = report.asked.length;
    await act();
    await heading(page, "Entrar").waitFor();
    await page.waitForLoadState("networkidle");
    result.asked[name] = report.asked.slice(from).map((url) => new URL(url).pathname);
    result.jar[name] = (await context.cookies()).map((cookie) => cookie.name);
    await keep(page, name);
  }

  await plant(told.expired);
  await watch("opened with an expired cookie", () => page.goto(told.origin));
  await plant(told.foreign);
  await watch("opened with a foreign cookie", () => page.reload());

  await signIn(page, told.origin);
  await plant(told.expired);
  await watch("expired meanwhile", () => open(page, "Vehículos"));
  await button(page, DEMO).click();
  await heading(page, "Vehículos").waitFor();
  await keep(page, "went on");

  await context.clearCookies();
  await watch("cookie gone meanwhile", () => open(page, "Próximos"));
  await button(page, DEMO).click();
  await heading(page, "Próximos").waitFor();

  await plant(told.foreign);
  await watch("refused by the backend meanwhile", () => open(page, "Resumen"));
  return result;
}
