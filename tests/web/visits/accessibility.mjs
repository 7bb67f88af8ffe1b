// Every view, and every state of one, judged by axe-core.
// result: {<view>: [violation]}; of the view called `spoilt` there is one, for we have seen to it

import { readFileSync } from "node:fs";

import { ADMIN, button, DEMO, heading, signIn } from "./people.mjs";

const AXE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf-8");

export default async function ({ arrive, told }) {
  const result = {};
  const page = await arrive();
  const show = (fragment) => page.goto(`${told.origin}/#${fragment}`);

  async function judge(view) {
    await page.evaluate(AXE); // by the debugger, which the page's policy does not bind
    const found = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
    result[view] = found.violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`,
    );
    if (found.passes.length < 10) result[view].push(`only ${found.passes.length} rules were tried`);
  }

  await page.goto(told.origin);
  await heading(page, "Entrar").waitFor();
  await judge("sign in");
  await button(page, "Entrar").click();
  await page.getByText("Este dato es necesario.").first().waitFor();
  await judge("sign in, nothing entered");
  await page.getByRole("link", { name: "Crear una cuenta" }).click();
  await heading(page, "Crear una cuenta").waitFor();
  await judge("register");

  await signIn(page, told.origin, ADMIN);
  await judge("dashboard without vehicles");
  await show("/vehiculos");
  await page.getByText("Todavía no hay vehículos").waitFor();
  await judge("no vehicles");
  await show("/usuarios");
  await heading(page, "Usuarios").waitFor();
  await judge("users");
  await show("/nada");
  await heading(page, "No encontrado").waitFor();
  await judge("not found");
  await button(page, "Cerrar sesión").click();
  await page.getByText("Cerraste tu sesión.").waitFor();
  await judge("signed out");

  await signIn(page, told.origin, DEMO);
  await judge("dashboard");
  await show("/vehiculos");
  await heading(page, "Vehículos").waitFor();
  await judge("vehicles");
  await show("/vehiculos/nuevo");
  await heading(page, "Nuevo vehículo").waitFor();
  await judge("new vehicle");
  await show("/vehiculo/PICKUP");
  await page.locator("canvas").nth(3).waitFor();
  await judge("vehicle");
  for (const details of await page.getByText("Ver los números").all()) await details.click();
  await judge("vehicle, with its numbers");
  for (const kind of ["viaje", "carga", "gasto", "mantenimiento"]) {
    await show(`/vehiculo/PICKUP/${kind}`);
    await page.getByRole("button", { name: "Guardar" }).waitFor();
    await judge(`new ${kind}`);
  }
  await show("/proximos");
  await heading(page, "Próximos").waitFor();
  await judge("upcoming");

  await page.route("**/api/dashboard", (route) =>
    route.fulfill({ status: 503, headers: { "Retry-After": "600" }, json: {} }),
  );
  await show("/");
  await heading(page, "El servicio no está disponible").waitFor();
  await judge("unavailable");
  await page.unroute("**/api/dashboard");
  await page.route("**/api/dashboard", () => {}); // no answer, so that it loads for ever
  await page.reload();
  await page.getByText("Cargando…").waitFor();
  await judge("loading");
  await page.evaluate(() => document.documentElement.removeAttribute("lang"));
  await judge("spoilt");
  await page.unrouteAll({ behavior: "ignoreErrors" });
  return result;
}
