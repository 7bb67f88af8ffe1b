// The backend stops and comes back, then the network does; then each way of the service to be unavailable.
// result: {words: {<status>: text}, attempts}

import { button, entry, heading, open, signIn } from "./people.mjs";

const DOWN = "El servicio no está disponible";

export default async function ({ arrive, keep, ask, told }) {
  const page = await arrive();
  await signIn(page, told.origin);
  await page.goto(`${told.origin}/#/vehiculo/PICKUP/viaje`);
  await entry(page, "Distancia").fill("12");

  await ask("stop_backend");
  await button(page, "Guardar").click();
  await button(page, "Reintentar").waitFor();
  await keep(page, "form while it is down");
  await ask("start_backend");
  await button(page, "Reintentar").click();
  await page.getByText("Viaje de 12 km guardado.").waitFor();

  await ask("stop_backend");
  await open(page, "Próximos");
  await heading(page, DOWN).waitFor();
  await keep(page, "down");
  await ask("start_backend");
  await heading(page, "Próximos").waitFor();
  await page.getByText("El servicio está de vuelta.").waitFor();
  await keep(page, "back by itself");

  await ask("stop_backend");
  await page.reload();
  await heading(page, DOWN).waitFor();
  await keep(page, "opened while it is down");
  await ask("start_backend");
  await button(page, "Reintentar").click();
  await heading(page, "Próximos").waitFor();

  await page.context().setOffline(true);
  await open(page, "Vehículos");
  await heading(page, DOWN).waitFor();
  await keep(page, "offline");
  await page.context().setOffline(false);
  await heading(page, "Vehículos").waitFor();

  const words = {};
  let attempts = 0;
  for (const status of [502, 503, 504]) {
    await page.route("**/api/dashboard", (route) => {
      attempts += 1;
      return route.fulfill({ status, headers: { "Retry-After": "1" }, json: { error: "no" } });
    });
    await open(page, "Resumen");
    await heading(page, DOWN).waitFor();
    words[status] = await page.innerText("main");
    await page.unroute("**/api/dashboard");
    await heading(page, "Hola, demo").waitFor();
    await open(page, "Vehículos");
    await heading(page, "Vehículos").waitFor();
  }
  return { words, attempts };
}
