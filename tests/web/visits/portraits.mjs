// The main views as pictures for the documentation.
// told: {folder}

import { heading, signIn } from "./people.mjs";

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

export default async function ({ arrive, told }) {
  async function visit(options, name, ...fragments) {
    const page = await arrive(options);
    await signIn(page, told.origin);
    await page.mouse.move(1, 300);
    for (const [view, fragment, title, height] of fragments) {
      if (height) await page.setViewportSize({ ...options.viewport, height });
      await page.goto(`${told.origin}/#${fragment}`);
      await heading(page, title).waitFor();
      if (view === "vehicle") await page.locator("canvas").nth(3).waitFor();
      await page.waitForLoadState("networkidle");
      await page.screenshot({ path: `${told.folder}/web-${view}-${name}.png` });
    }
  }

  const stranger = await arrive({ ...DESKTOP, colorScheme: "light" });
  await stranger.goto(told.origin);
  await heading(stranger, "Entrar").waitFor();
  await stranger.waitForLoadState("networkidle");
  await stranger.screenshot({ path: `${told.folder}/web-sign-in-light.png` });

  const [light, dark] = ["light", "dark"].map((colorScheme) => ({ ...DESKTOP, colorScheme }));
  const vehicle = ["vehicle", "/vehiculo/PICKUP", "PICKUP"];
  await visit(light, "light", ["dashboard", "/", "Hola, demo", 960], [...vehicle, 1280]);
  await visit(dark, "dark", ["upcoming", "/proximos", "Próximos"], [...vehicle, 1280]);
  await visit(PHONE, "phone", ["dashboard", "/", "Hola, demo"], vehicle, [
    "trip",
    "/vehiculo/PICKUP/viaje",
    "Nuevo viaje",
  ]);
}
