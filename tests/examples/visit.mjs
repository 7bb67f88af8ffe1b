// A person visits each of the examples with a page: opens it, is refused, signs in, comes back, signs out.
//
// stdin:  {chromium, playwright, pages: {<name>: <url>}}
// stdout: {<name>: {refused, listed, reloaded, script, cookies, left, origins, seen}}
//   refused:  what the page says of a wrong password
//   listed:   the vehicles after signing in; reloaded: after loading the page anew
//   script:   what a script of the page finds in cookies and storage while signed in
//   cookies:  [{name, value, httpOnly}]   the jar while signed in; left: how many are in it after signing out
//   origins:  every origin that was asked for something
//   seen:     headers and body of everything that came, as text

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const told = JSON.parse(await text(process.stdin));
const { chromium } = createRequire(told.playwright)("playwright-core");

const flags = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const browser = await chromium.launch({ executablePath: told.chromium, chromiumSandbox: false, args: flags.split(" ") });

async function visit(url) {
  const context = await browser.newContext();
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const origins = new Set();
  const seen = [];
  page.on("request", (request) => request.url().startsWith("http") && origins.add(new URL(request.url()).origin));
  page.on("response", (response) => {
    const none = () => ""; // of a preflight, or of what a reload cut short; some only when the context is closed
    seen.push(Promise.all([response.allHeaders().catch(none), response.text().catch(none)]).then(JSON.stringify));
  });

  const enter = async (password) => {
    await page.fill("[name=email]", "demo@kilometracker.test");
    await page.fill("[name=password]", password);
    await page.click("form button");
  };
  const vehicles = async () => {
    await page.waitForSelector("li");
    return (await page.locator("li").allTextContents()).sort();
  };

  await page.goto(url);
  await page.waitForSelector("form", { state: "visible" });
  await enter("wrong");
  await page.waitForFunction(() => document.querySelector("[role=alert]")?.textContent);
  const refused = await page.textContent("[role=alert]");
  await enter("Kilometros123");
  const listed = await vehicles();
  await page.reload();
  const reloaded = await vehicles();
  const script = await page.evaluate(() => document.cookie + JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  const cookies = await context.cookies();
  await page.click("#out");
  await page.waitForSelector("form", { state: "visible" });
  const left = (await context.cookies()).length;
  await context.close();
  return { refused, listed, reloaded, script, cookies, left, origins: [...origins], seen: await Promise.all(seen) };
}

try {
  const visits = await Promise.all(Object.entries(told.pages).map(async ([name, url]) => [name, await visit(url)]));
  process.stdout.write(JSON.stringify(Object.fromEntries(visits)));
} finally {
  await browser.close();
}
