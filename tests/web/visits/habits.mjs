// Somebody with a keyboard alone, and with a theme of their own.
// result: {focus: {…}, themes: {…}, colours: {…}, wide: {<view>: pixels that it takes of 320}}

import { button, heading, open, signIn } from "./people.mjs";

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.innerText);
const theme = (page) => page.evaluate(() => document.documentElement.dataset.theme);
const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const ink = (page) => page.evaluate(() => getComputedStyle(document.body).getPropertyValue("--chart-1"));

export default async function ({ arrive, told }) {
  const page = await arrive({ colorScheme: "light" });
  const focus = {};
  const themes = {};
  const colours = {};

  await page.goto(told.origin);
  await heading(page, "Entrar").waitFor();
  await page.keyboard.press("Tab");
  focus.first = await focused(page);
  await page.keyboard.press("Enter");
  focus.skipped = await focused(page);
  await page.keyboard.press("Tab");
  await page.keyboard.type("demo@kilometracker.test");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Kilometros123");
  await page.keyboard.press("Enter");
  await heading(page, "Hola, demo").waitFor();
  focus.arrived = await focused(page);
  await open(page, "Vehículos");
  await heading(page, "Vehículos").waitFor();
  focus.moved = await focused(page);
  focus.titled = await page.title();

  colours.light = [await ground(page), await ink(page)];
  themes.atFirst = await theme(page);
  await button(page, "Cambiar a tema oscuro").click();
  themes.chosen = await theme(page);
  colours.dark = [await ground(page), await ink(page)];
  await page.reload();
  await heading(page, "Vehículos").waitFor();
  themes.reloaded = await theme(page);
  await button(page, "Cerrar sesión").click();
  await heading(page, "Entrar").waitFor();
  await page.reload();
  await heading(page, "Entrar").waitFor();
  themes.signedOut = await theme(page);

  const other = await arrive({ colorScheme: "dark" });
  await other.goto(told.origin);
  await heading(other, "Entrar").waitFor();
  colours.system = [await ground(other), await ink(other)];

  const wide = {};
  const phone = await arrive({ viewport: { width: 320, height: 640 } });
  await signIn(phone, told.origin);
  const views = {
    "/": "Hola, demo",
    "/vehiculos": "Vehículos",
    "/vehiculo/PICKUP": "PICKUP",
    "/vehiculo/PICKUP/gasto": "Nuevo gasto",
    "/proximos": "Próximos",
  };
  for (const [fragment, title] of Object.entries(views)) {
    await phone.goto(`${told.origin}/#${fragment}`);
    await heading(phone, title).waitFor();
    if (title === "PICKUP") await phone.locator("canvas").nth(3).waitFor();
    wide[title] = await phone.evaluate(() => document.documentElement.scrollWidth);
  }
  return { focus, themes, colours, wide };
}
