// One visit to examples/nextjs-auth with a real browser: open, sign in, look around, sign out.
//
// stdin:  {chromium, next, tls}   the browser's program; Next's port; {key, cert} for https as a proxy in front gives it, or null
// stdout: {calls, pages, seen, cookies}
//   calls:   {<name>: {status, error, body}}   what the page's fetch got; where the backend hears of it, it hears `?as=<name>`
//   pages:   {<name>: {text, html, cookie, storage}}   what a person reads and what a script could
//   seen:    [{request, status, headers, body}]   every exchange of the browser with its one origin, uncompressed
//   cookies: [{name, value, httpOnly, secure, sameSite}]   the jar while signed in

import http from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";

import { chromium } from "playwright-core";

const told = JSON.parse(await text(process.stdin));
const report = { calls: {}, pages: {}, seen: [], cookies: [] };

// The one origin: passes everything on to Next, and keeps it.
const forwarded = told.tls ? { "x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1" } : {};
function relay(request, response) {
  const headers = { ...request.headers, "accept-encoding": "identity", ...forwarded };
  const { method, url } = request;
  const onward = http.request({ host: "127.0.0.1", port: told.next, method, path: url, headers }, async (reply) => {
    const body = await text(reply);
    report.seen.push({ request: `${method} ${url}`, status: reply.statusCode, headers: reply.rawHeaders, body });
    response.writeHead(reply.statusCode, reply.rawHeaders);
    response.end(body);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}

const front = told.tls ? https.createServer(told.tls, relay) : http.createServer(relay);
await new Promise((listening) => front.listen(0, "127.0.0.1", listening));
const origin = `${told.tls ? "https" : "http"}://localhost:${front.address().port}`;

const flags = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const browser = await chromium.launch({ executablePath: told.chromium, chromiumSandbox: false, args: flags.split(" ") });
const context = await browser.newContext({ ignoreHTTPSErrors: true });
context.setDefaultTimeout(20_000);
const page = await context.newPage();

async function call(name, path, method = "GET") {
  report.calls[name] = await page.evaluate(
    async ([path, method]) => {
      const response = await fetch(path, { method });
      return { status: response.status, error: response.headers.get("x-bff-error"), body: await response.text() };
    },
    [path, method],
  );
}

async function keep(name) {
  report.pages[name] = {
    text: await page.innerText("body"),
    html: await page.content(),
    cookie: await page.evaluate(() => document.cookie),
    storage: await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])),
  };
}

async function enter(password) {
  await page.fill("[name=username]", "demo");
  await page.fill("[name=password]", password);
  await page.click("button");
}

try {
  await page.goto(origin);
  await keep("opened");
  await call("stranger", "/api/proxy/Exercises/categories?as=stranger");

  await enter("wrong");
  await page.waitForSelector("[role=alert]:has-text('demo')");
  await keep("wrong password");
  await call("wrong-password", "/api/proxy/Exercises/categories?as=wrong-password");

  await enter("demo");
  await page.waitForSelector("li");
  await keep("signed in");
  await call("session", "/api/auth/session");
  await call("signed-in", "/api/proxy/Exercises/categories?as=signed-in");
  await call("outside", "/api/proxy/Reports/all?as=outside");
  await call("other-method", "/api/proxy/Exercises/categories?as=other-method", "DELETE");
  await page.reload();
  await page.waitForSelector("li");
  await keep("reloaded");
  await page.click("a");
  await page.waitForURL("**/server");
  await keep("rendered on the server");

  report.cookies = await context.cookies();
  const session = report.cookies.find((cookie) => cookie.name.endsWith("authjs.session-token"));
  const parts = session.value.split("."); // header, no key, nonce, ciphertext, tag
  for (const index of [0, 2, 3, 4]) {
    const other = parts[index][0] === "A" ? "B" : "A";
    const value = parts.with(index, other + parts[index].slice(1)).join(".");
    await context.addCookies([{ ...session, value }]);
    await call(`tampered-${index}`, `/api/proxy/Exercises/categories?as=tampered-${index}`);
  }
  await context.addCookies([session]);
  await call("untampered", "/api/proxy/Exercises/categories?as=untampered");

  await page.goto(origin);
  await page.click("button");
  await page.waitForSelector("[name=password]");
  await page.reload();
  await keep("signed out");
  await call("signed-out", "/api/proxy/Exercises/categories?as=signed-out");
} finally {
  await browser.close();
  front.close();
  front.closeAllConnections();
}
process.stdout.write(JSON.stringify(report));
