// A person registers, signs in, adds a vehicle and what happens to it, signs out, and is refused.
// told:   {account: {username, email, password}, alias, earlier: the day of another trip}
// result: {canvases: of the new vehicle, pictures: {…}, distances, costs, expenses, refused}

import { button, call, entry, heading, numbers, picture } from "./people.mjs";

export default async function ({ arrive, keep, told }) {
  const page = await arrive();
  const { username, email, password } = told.account;
  const fill = (label, value) => entry(page, label).fill(value);

  await page.goto(told.origin);
  await keep(page, "opened");
  await page.getByRole("link", { name: "Crear una cuenta" }).click();
  await heading(page, "Crear una cuenta").waitFor();
  await fill("Nombre", username);
  await fill("Correo", email);
  await fill("Contraseña", password);
  await button(page, "Crear cuenta").click();
  await heading(page, "Entrar").waitFor();
  await keep(page, "registered");

  await fill("Contraseña", password);
  await button(page, "Entrar").click();
  await heading(page, `Hola, ${username}`).waitFor();
  await keep(page, "signed in");

  await page.getByRole("link", { name: "Agregar vehículo" }).click();
  await fill("Alias", told.alias);
  await fill("Marca y línea", "Mazda 3");
  await fill("Año", "2021");
  await fill("Placas", "P-001ADA");
  await fill("Kilometraje", "50000");
  await button(page, "Guardar vehículo").click();
  await heading(page, told.alias.toUpperCase()).waitFor();
  await page.getByText("Sin datos en este periodo.").first().waitFor();
  await keep(page, "vehicle");
  const canvases = await page.locator("canvas").count();

  const add = async (kind, entries, saved) => {
    await page.getByRole("link", { name: kind, exact: true }).click();
    for (const [label, value] of entries) await fill(label, value);
    await button(page, "Guardar").click();
    await page.getByText(saved).waitFor();
    await page.locator("canvas").first().waitFor();
  };
  const pictures = {};
  await add("Viaje", [["Distancia", "250"]], "Viaje de 250 km guardado.");
  await keep(page, "after the trip");
  pictures.trip = await picture(page, "Distancia");
  const distances = await numbers(page, "Distancia");
  await add(
    "Viaje",
    [
      ["Distancia", "100"],
      ["Fecha", told.earlier],
    ],
    "Viaje de 100 km guardado.",
  );
  pictures.another = await picture(page, "Distancia");
  await add(
    "Carga",
    [
      ["Total pagado", "312.5"],
      ["Galones opcional", "10"],
    ],
    "guardada.",
  );
  await add(
    "Gasto",
    [
      ["Descripción", "Lavado completo"],
      ["Monto", "60"],
    ],
    "guardado.",
  );
  await keep(page, "after all");
  const costs = await numbers(page, "Costo");
  const expenses = await numbers(page, "Gastos por categoría");
  await page.getByText("12 meses").click();
  await page.getByText("Gráficas de los últimos 12 meses.").waitFor();
  await page.locator("canvas").first().waitFor();
  pictures.year = await picture(page, "Distancia");

  await button(page, "Cerrar sesión").click();
  await page.getByText("Cerraste tu sesión.").waitFor();
  await keep(page, "signed out");
  const refused = await call(page, "/api/vehicles");
  await page.goto(`${told.origin}/#/vehiculos`);
  await heading(page, "Entrar").waitFor();
  await page.reload();
  await heading(page, "Entrar").waitFor();
  await keep(page, "came back");
  return { canvases, pictures, distances, costs, expenses, refused };
}
