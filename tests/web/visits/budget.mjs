// What the first view costs, to who comes for the first time: signed out, and signed in.
// result: {<view>: {bytes, files, interactive, painted}}   interactive, painted: milliseconds since the navigation began

import { signIn } from "./people.mjs";

const measured = (page) =>
  page.evaluate(() => {
    const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return {
      bytes: loaded.reduce((sum, { transferSize }) => sum + transferSize, 0),
      files: loaded.map(({ name, transferSize }) => [name, transferSize]),
      interactive: performance.getEntriesByName("interactive")[0].startTime,
      painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    };
  });

async function visited(page, address) {
  await page.goto(address);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length === 1);
  await page.waitForFunction(() => performance.getEntriesByName("interactive").length === 1);
  await page.waitForLoadState("networkidle");
  return measured(page);
}

export default async function ({ arrive, told }) {
  const stranger = await visited(await arrive(), told.origin);
  const first = await arrive();
  await signIn(first, told.origin);
  const cookies = await first.context().cookies();
  const again = await arrive();
  await again.context().addCookies(cookies);
  const dashboard = await visited(again, told.origin);
  const third = await arrive();
  await third.context().addCookies(cookies);
  const vehicle = await visited(third, `${told.origin}/#/vehiculo/PICKUP`);
  return { stranger, dashboard, vehicle };
}
