// One visit to /docs with a real browser: look, sign in through the page, ask for the vehicles, sign out.
//
// stdin:  {chromium, url, dark, picture}   the browser's program; the service's address; what the person prefers; a file
//         for a picture, or null
// stdout: {session, statuses, bodies, cookies, script, said, elsewhere, shown}
//   session:   [<text>]            what the line at the top says: before, signed in, signed out
//   statuses:  {<operation>: <status>}, bodies: {<operation>: <text>}   what Swagger UI shows of each answer
//   cookies:   [{name, value, httpOnly}]   the jar while signed in
//   script:    <text>              what a script of the page can find meanwhile: document.cookie, storage, its source
//   said:      [<text>]            errors and warnings of the console, refusals of the Content-Security-Policy among them
//   elsewhere: [<url>]             requests to any other origin
//   shown:     {operations, buttons, background}   how many operations; buttons that ask for a token; is it styled

import { text } from "node:stream/consumers";

import { chromium } from "../browser/node_modules/playwright-core/index.mjs";

const told = JSON.parse(await text(process.stdin));
const report = { session: [], statuses: {}, bodies: {}, said: [], elsewhere: [] };
const flags = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const browser = await chromium.launch({ executablePath: told.chromium, chromiumSandbox: false, args: flags.split(" ") });
const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, colorScheme: told.dark ? "dark" : "light" });
context.setDefaultTimeout(30_000);
const page = await context.newPage();
page.on("console", (message) => ["error", "warning"].includes(message.type()) && report.said.push(message.text()));
page.on("pageerror", (error) => report.said.push(String(error)));
page.on("request", (request) => new URL(request.url()).origin === told.url || report.elsewhere.push(request.url()));

async function execute(operation) {
  const block = page.locator(`#operations-${operation}`);
  await block.locator(".opblock-summary-control").click();
  await block.locator(".execute").click();
  const answer = block.locator(".live-responses-table");
  await answer.waitFor();
  report.statuses[operation] = await answer.locator("tbody .response-col_status").first().innerText();
  report.bodies[operation] = await answer.innerText();
  return block;
}

async function session(beginning) {
  const line = page.locator("#session").filter({ hasText: beginning });
  await line.waitFor();
  report.session.push(await line.innerText());
}

await page.goto(`${told.url}/docs`);
await page.locator(".opblock").first().waitFor();
await session("Not signed in");
report.shown = {
  operations: await page.locator(".opblock").count(),
  buttons: await page.locator("button.authorize, button.authorization__btn").count(),
  background: await page.locator(".opblock-post .opblock-summary-method").first().evaluate((method) => getComputedStyle(method).backgroundColor),
};
await execute("auth-login");
await session("Signed in");
const vehicles = await execute("vehicles-list_vehicles");
report.cookies = await context.cookies();
report.script = await page.evaluate(() => document.cookie + JSON.stringify([{ ...localStorage }, { ...sessionStorage }]) + document.documentElement.outerHTML);
if (told.picture) {
  await page.setViewportSize({ width: 1200, height: 1250 });
  await vehicles.evaluate((block) => scrollTo(0, block.getBoundingClientRect().top + scrollY - 60));
  await page.screenshot({ path: told.picture });
}
await execute("auth-logout");
await session("Not signed in");
await browser.close();
process.stdout.write(JSON.stringify(report));
