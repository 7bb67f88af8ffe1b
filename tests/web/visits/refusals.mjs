// What the service refuses for good, and what a form refuses by itself.
// told:   {attempts}   how many wrong passwords are let pass
// result: {invalid: [name of an entry], focused, isDisabled}

import { button, entry, heading, READER, signIn } from "./people.mjs";

export default async function ({ arrive, keep, told }) {
  const page = await arrive();
  const show = (fragment) => page.goto(`${told.origin}/#${fragment}`);

  await signIn(page, told.origin, READER);
  await keep(page, "reader");
  await page.getByRole("link", { name: "Vehículos" }).click();
  const cover = page.getByRole("heading", { level: 2 }).getByRole("link");
  const alias = await cover.first().innerText();
  await show(`/vehiculo/${encodeURIComponent(alias)}/viaje`);
  await entry(page, "Distancia").fill("5");
  await button(page, "Guardar").click();
  await page.getByRole("alert").getByText(/./).waitFor();
  await keep(page, "forbidden to write");
  await show("/usuarios");
  await heading(page, "No tienes acceso").waitFor();
  await keep(page, "forbidden");
  for (const [name, fragment] of [
    ["no vehicle", "/vehiculo/NADA"],
    ["dots", "/vehiculo/.."],
    ["no page", "/nada"],
    ["no address", "/vehiculo/%"],
    ["no kind", "/vehiculo/X/__proto__"],
  ]) {
    await show(fragment);
    await page.reload();
    await heading(page, "No encontrado").waitFor();
    await keep(page, name);
  }
  await button(page, "Cerrar sesión").click();
  await heading(page, "Entrar").waitFor();

  await signIn(page, told.origin);
  await show("/vehiculo/PICKUP/carga");
  await entry(page, "Total pagado").fill("-1");
  await button(page, "Guardar").click();
  await page.getByText("Lo mínimo es 0.").waitFor();
  await entry(page, "Total pagado").fill("");
  await button(page, "Guardar").click();
  await page.getByText("Este dato es necesario.").waitFor();
  const focused = await page.evaluate(() => document.activeElement.name);
  const invalid = await page.locator("[aria-invalid=true]").evaluateAll((inputs) => inputs.map((input) => input.name));

  await show("/vehiculo/PICKUP/viaje");
  await entry(page, "Distancia").fill("5");
  await entry(page, "Notas opcional").fill("ñ".repeat(500));
  await button(page, "Guardar").click();
  await page.getByRole("alert").getByText(/./).waitFor();
  await keep(page, "too large");
  await button(page, "Cerrar sesión").click();
  await heading(page, "Entrar").waitFor();

  await entry(page, "Correo").fill("demo@kilometracker.test");
  await entry(page, "Contraseña").fill("equivocada");
  for (let left = told.attempts; left; left--) {
    const answered = page.waitForResponse("**/api/auth/login");
    await button(page, "Entrar").click();
    await answered;
    await page.getByRole("alert").getByText(/./).waitFor();
    await keep(page, `attempt ${left}`);
  }
  await button(page, "Entrar").click();
  const waiting = button(page, /^Espera \d+ s$/);
  await waiting.waitFor();
  await keep(page, "too many");
  return { focused, invalid, isDisabled: await waiting.isDisabled() };
}
