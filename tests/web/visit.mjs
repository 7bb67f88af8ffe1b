// A visit to the page with a real browser: one of `visits/`, which is the person in front of the screen.
//
// stdin:  {visit, chromium, origin, options, ...}   a line of JSON; `options` are a Playwright context's, the rest the visit's
//         a blank line as the answer to each `ask`
// stdout: {ask}   a line of JSON: something that is to be done on the other side, as "stop_backend"
//         {report: {result, pages, seen, asked, cookies, errors}}   the last line
//   result:  what the visit returned
//   pages:   {<name>: {text, html, title, cookie, storage}}   what a person reads and what a script could, as kept by the visit
//   seen:    [{request, status, headers, body}]   every answer; without Set-Cookie, which no script ever sees
//   asked:   [url]     every request, answered or not
//   cookies: [text]    every Set-Cookie field
//   errors:  [text]    what the page's console complained of

import { once } from "node:events";
import http from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

import { chromium } from "playwright-core";

const lines = createInterface({ input: process.stdin });
const [first] = await once(lines, "line");
const told = JSON.parse(first);
const report = { pages: {}, seen: [], asked: [], cookies: [], errors: [] };
const { default: visit } = await import(`./visits/${told.visit}.mjs`);

// The one origin: passes everything on to the service, and keeps what comes back.
const service = new URL(told.origin);
const front = http.createServer((request, response) => {
  const { method, url, headers } = request;
  const { hostname: host, port } = service;
  const onward = http.request({ host, port, method, path: url, headers }, async (reply) => {
    const body = await text(reply);
    const { "set-cookie": cookies = [], ...fields } = reply.headers;
    report.cookies.push(...cookies);
    report.seen.push({ request: `${method} ${url}`, status: reply.statusCode, headers: fields, body });
    response.writeHead(reply.statusCode, reply.rawHeaders);
    response.end(body);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});
await new Promise((listening) => front.listen(0, "127.0.0.1", listening));
told.origin = `http://127.0.0.1:${front.address().port}`;

const flags =
  "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const browser = await chromium.launch({
  executablePath: told.chromium,
  chromiumSandbox: false,
  args: flags.split(" "),
});

/** Somebody at a screen of their own; what their browser asks for and complains of is noted. */
async function arrive(options = {}) {
  const context = await browser.newContext({ locale: "es-MX", ...told.options, ...options });
  context.setDefaultTimeout(30_000);
  context.on("request", (request) => report.asked.push(request.url()));
  context.on("console", (message) => message.type() === "error" && report.errors.push(message.text()));
  context.on("weberror", (error) => report.errors.push(String(error.error())));
  return context.newPage();
}

async function keep(page, name) {
  report.pages[name] = {
    text: await page.innerText("body"),
    html: await page.content(),
    title: await page.title(),
    cookie: await page.evaluate(() => document.cookie),
    storage: await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }]),
  };
}

async function ask(what) {
  const answered = once(lines, "line");
  console.log(JSON.stringify({ ask: what }));
  await answered;
}

try {
  report.result = (await visit({ arrive, keep, ask, told, report })) ?? null;
} finally {
  await browser.close();
  lines.close();
  front.close();
  front.closeAllConnections();
}
console.log(JSON.stringify({ report }));
