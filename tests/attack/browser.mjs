// One browser, a victim who is signed in with it, and pages of others that use it against them.
//
// stdin:  {chromium, profile, ports, keys, log, session, probes, attempts, calls, documents, plants, signsOut}
//   profile:   a folder for Chromium
//   ports:     {tls, plain, sites}: of the front, and where it expects the pages of every name
//   keys:      SHA-256 of the public keys to trust, as Chromium wants them
//   log:       where the front writes a line of JSON for each exchange with the app
//   session:   {name, value} of the cookie to be signed in with; null: by the app's own login
//   attempts:  [{marker, attacker, way, method, path, json, arrivals}]   where one arrives, it does with `?as=<marker>`
//   probes:    as attempts, and made before anybody signs in
//   calls:     [{name, from, method, path, json}]   of who may: the "app", a "friend", an address that is "typed"; each
//              arrives with `?as=<name>`
//   documents: [path]   answers that the victim opens in a tab
//   plants:    [{marker, from, how, cookies}]   how: by "script", "store" or "header"; what the victim asks for then
//              arrives with `?as=<marker>-in` and, signed out, with `?as=<marker>-out`
//   signsOut:  whether to see what is left of a session
// stdout: {outcomes, frames, after, calls, documents, plants, left, seen, jar, stored}
//   outcomes:  {<marker>: text}       what the attacker's page learned
//   frames:    {<marker>: [text]}     what the frames of its page show: address and text
//   after:     status                 of the victim's own request after all attempts
//   calls:     {<name>: {status, error, body}}
//   documents: {<path>: text}         what the victim reads
//   plants:    {<marker>: {signedIn, signedOut}}   as in calls
//   left:      {<what>: text}         what there is before and after signing out
//   seen:      [{url, status, headers, body}]   every answer to the victim while they sign in and out
//   jar:       [{name, value, ...}]   the victim's cookies, signed in
//   stored:    [text]                 all that a script of the app could read, signed in

import { EventEmitter, once } from "node:events";
import { mkdirSync, openSync, readSync, watch, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { chromium } = createRequire(new URL("../browser/package.json", import.meta.url))("playwright-core");

const told = JSON.parse(await text(process.stdin));
const report = { outcomes: {}, frames: {}, calls: {}, documents: {}, plants: {}, left: {}, seen: [], stored: [] };

const ME = "/api/auth/me";
const ORIGINS = {
  app: "https://app.example.com",
  sub: "https://sub.example.com",
  plain: "http://plain.example.com",
  evil: "https://evil.example",
  stranger: "https://stranger.example",
  friend: "https://friend.example",
};

// The pages of every name: blank, but for what an attacker needs a server for.

const BLANK = "<!doctype html><meta charset=utf-8><title>a page</title><link rel=icon href=data:,><body></body>";
const WORKER = `
  const ask = ({ url, method, json }) =>
    fetch(url, { method, mode: "no-cors", credentials: "include", body: method === "GET" ? null : json });
  self.oninstall = () => self.skipWaiting();
  self.onmessage = async ({ data, ports }) =>
    (ports[0] ?? self).postMessage(await ask(data).then((answer) => answer.type, (error) => "refused " + error.name));`;

function serve(request, response) {
  const { pathname, searchParams } = new URL(request.url, "http://site");
  const to = searchParams.get("to");
  if (pathname === "/redirect") {
    response.writeHead(request.method === "OPTIONS" ? 204 : 307, {
      location: to,
      "access-control-allow-origin": request.headers.origin ?? "*",
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "PUT, PATCH, DELETE",
      "access-control-allow-headers": "content-type",
    });
    return response.end();
  }
  if (pathname === "/worker.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(WORKER);
  const headers = { "content-type": "text/html" };
  if (pathname === "/set") headers["set-cookie"] = JSON.parse(to);
  if (pathname === "/policy") headers["content-security-policy"] = `img-src 'none'; report-uri ${to}`;
  return response.writeHead(200, headers).end(pathname === "/policy" ? `${BLANK}<img src=x.png>` : BLANK);
}
const sites = http.createServer(serve).listen(told.ports.sites, "127.0.0.1");
await once(sites, "listening");

// What arrived at the app, by its marker.

class Arrivals extends EventEmitter {
  #counts = new Map();
  #file = openSync(told.log);
  #bytes = Buffer.alloc(1 << 20);
  #rest = "";

  constructor() {
    super();
    this.setMaxListeners(0);
    this.watcher = watch(told.log, () => this.#read());
  }

  #read() {
    for (let length; (length = readSync(this.#file, this.#bytes)) > 0; ) {
      const lines = (this.#rest + this.#bytes.latin1Slice(0, length)).split("\n");
      this.#rest = lines.pop();
      for (const line of lines) {
        const marker = /[?&]as=([\w-]+)/.exec(JSON.parse(line).target)?.[1];
        this.#counts.set(marker, (this.#counts.get(marker) ?? 0) + 1);
      }
    }
    this.emit("read");
  }

  /** Wait until `marker` has come `count` times, but not for ever: what did not come is for the judge to see. */
  async reach(marker, count) {
    const signal = AbortSignal.timeout(5000);
    this.#read();
    while ((this.#counts.get(marker) ?? 0) < count && !signal.aborted) {
      await once(this, "read", { signal }).catch(() => null);
    }
  }
}
const arrivals = new Arrivals();

// Runs in an attacker's page, and leaves `attack` there: each way of a page to make a browser send something, by name.
// A way is given {url, method, json, site, worker}, and returns what the page learned.

function arm() {
  const attack = (window.attack = {});
  const credentials = "include";
  const fields = { alias: "mallory", email: "mallory@evil.example", password: "mallory-1" };
  const withFields = (container) => {
    for (const field of Object.entries(fields)) container.append(...field);
    return container;
  };
  const redirected = ({ url, site }) => `${site}/redirect?to=${encodeURIComponent(url)}`;
  const add = (tag, properties, parent = document.body) => {
    const element = Object.assign(document.createElement(tag), properties);
    parent.append(element);
    return element;
  };
  const first = (target, events) =>
    Promise.race([
      ...events.map((name) => new Promise((happens) => target.addEventListener(name, () => happens(name)))),
      new Promise((happens) => setTimeout(happens, 5000, "nothing")),
    ]);
  const loading = (tag, properties, parent) => first(add(tag, properties, parent), ["load", "error"]);
  const click = (properties) => add("a", properties).click();

  // Forms

  const ENCTYPES = {
    urlencoded: "application/x-www-form-urlencoded",
    multipart: "multipart/form-data",
    "text/plain JSON": "text/plain",
  };
  const asQuery = (url) => Object.fromEntries(new URL(url).searchParams);
  const smuggled = (json) => ({ [`${json.replace(/}$/, json === "{}" ? "" : ",")}"rest":"`]: '"}' });
  const inner = () =>
    // One for all: each new one would be a process of its own.
    document.querySelector("[name=inner]") ?? add("iframe", { name: "inner" }, document.documentElement);
  const submit = async (where, properties, values) => {
    const target = { "in an iframe": "inner", "in a new tab": "_blank", "in the same tab": "_self" }[where];
    const loaded = target === "inner" ? first(inner(), ["load"]) : "submitted";
    const form = add("form", { ...properties, target });
    for (const [name, value] of Object.entries(values)) add("input", { type: "hidden", name, value }, form);
    form.submit();
    return loaded;
  };
  for (const where of ["in an iframe", "in a new tab", "in the same tab"]) {
    for (const [name, enctype] of Object.entries(ENCTYPES)) {
      attack[`form ${name}, ${where}`] = ({ url, json }) =>
        submit(where, { action: url, method: "POST", enctype }, enctype === "text/plain" ? smuggled(json) : fields);
    }
    attack[`form GET, ${where}`] = ({ url }) => submit(where, { action: url, method: "GET" }, asQuery(url));
  }
  const jsonForm = (properties, json) =>
    submit("in an iframe", { method: "POST", enctype: "text/plain", ...properties }, smuggled(json));
  attack["form text/plain JSON, without referrer"] = ({ url, json }) =>
    jsonForm({ action: url, rel: "noreferrer" }, json);
  attack["form text/plain JSON, redirected"] = (told) => jsonForm({ action: redirected(told) }, told.json);
  attack["form of that method"] = ({ url, method }) => submit("in an iframe", { action: url, method }, asQuery(url));
  attack["form with _method"] = ({ url, method }) =>
    submit("in an iframe", { action: `${url}&_method=${method}`, method: "POST" }, { _method: method });

  // fetch

  const ask = (url, options) =>
    fetch(url, { credentials, ...options }).then(
      async (answer) => (answer.type === "opaque" ? "opaque" : `read ${answer.status} ${await answer.text()}`),
      (error) => `refused ${error.name}`,
    );
  const asJson = { "Content-Type": "application/json" };
  const BODIES = {
    "text/plain JSON": ({ json }) => ({ body: json }),
    urlencoded: () => ({ body: withFields(new URLSearchParams()) }),
    multipart: () => ({ body: withFields(new FormData()) }),
    "application/json": ({ json }) => ({ body: json, headers: asJson }),
    "a Blob of application/json": ({ json }) => ({ body: new Blob([json], { type: "application/json" }) }),
    "no body": () => ({}),
  };
  for (const mode of ["no-cors", "cors"]) {
    for (const [name, body] of Object.entries(BODIES)) {
      attack[`fetch ${mode}, ${name}`] = (told) => ask(told.url, { method: told.method, mode, ...body(told) });
    }
  }
  const asking = (mode, options) => (told) => ask(told.url, { method: told.method, mode, body: told.json, ...options });
  attack["fetch no-cors, keepalive"] = asking("no-cors", { keepalive: true });
  attack["fetch no-cors, without referrer"] = asking("no-cors", { referrerPolicy: "no-referrer" });
  attack["fetch no-cors, X-HTTP-Method-Override"] = ({ url, method }) =>
    ask(url, { method: "POST", mode: "no-cors", headers: { "X-HTTP-Method-Override": method } });
  attack["fetch no-cors, redirected"] = (told) => asking("no-cors", {})({ ...told, url: redirected(told) });
  attack["fetch no-cors, HEAD"] = ({ url }) => ask(url, { method: "HEAD", mode: "no-cors" });
  attack["fetch cors, keepalive application/json"] = asking("cors", { keepalive: true, headers: asJson });
  attack["fetch cors, text/plain; application/json"] = asking("cors", {
    headers: { "Content-Type": "text/plain; application/json" },
  });
  attack["fetch cors, forged Origin, Host and Sec-Fetch-Site"] = asking("cors", {
    headers: { Origin: "https://app.example.com", Host: "app.example.com", "Sec-Fetch-Site": "same-origin" },
  });
  attack["fetch cors, X-HTTP-Method-Override"] = ({ url, method }) =>
    ask(url, { method: "POST", headers: { "X-HTTP-Method-Override": method } });
  attack["fetch cors, a streamed body"] = ({ url, method, json }) =>
    ask(url, { method, duplex: "half", body: new Blob([json]).stream().pipeThrough(new TransformStream()) });
  attack["fetch cors, the method in lower case"] = ({ url, method }) => ask(url, { method: method.toLowerCase() });
  attack["fetch cors, redirected"] = (told) => asking("cors", {})({ ...told, url: redirected(told) });
  attack["fetch cors, redirected application/json"] = (told) =>
    asking("cors", { headers: asJson })({ ...told, url: redirected(told) });
  attack["fetch cors, without credentials"] = ({ url }) => ask(url, { credentials: "omit" });
  attack.fetchLater = ({ url, method, json }) => {
    window.fetchLater(url, { method, credentials, body: json, activateAfter: 0 });
    return "later";
  };

  // Workers

  const work = async (source, told) => {
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.postMessage(told);
    const { data } = await new Promise((happens) => (worker.onmessage = happens));
    worker.terminate();
    return data;
  };
  attack["fetch from a worker"] = ({ worker, ...told }) => work(worker, told);
  attack["importScripts in a worker"] = (told) =>
    work(
      `onmessage = ({ data }) => {
        try {
          importScripts(data.url);
          postMessage("load");
        } catch (error) {
          postMessage("refused " + error.name);
        }
      }`,
      told,
    );
  attack["fetch from a service worker"] = async (told) => {
    for (let tries = 0; tries < 3; tries += 1) {
      // A new one each time: one that was put to sleep does not always wake up under a debugger.
      const name = crypto.randomUUID();
      const registration = await navigator.serviceWorker.register(`/worker.js?${name}`, { scope: `/${name}/` });
      const { port1, port2 } = new MessageChannel();
      (registration.installing ?? registration.active).postMessage(told, [port2]);
      const answer = await Promise.race([
        new Promise((happens) => (port1.onmessage = ({ data }) => happens(data))),
        new Promise((happens) => setTimeout(happens, 1500)),
      ]);
      await registration.unregister();
      if (answer) return answer;
    }
    return "nothing";
  };

  // The other ways to write

  const xhr = (type, isHeard) => ({ url, method, json }) =>
    new Promise((happens) => {
      const request = new XMLHttpRequest();
      request.open(method, url);
      request.withCredentials = true;
      request.setRequestHeader("Content-Type", type);
      if (isHeard) request.upload.onprogress = () => null;
      request.onload = () => happens(`read ${request.status} ${request.responseText}`);
      request.onerror = () => happens("refused");
      request.send(json);
    });
  attack["XMLHttpRequest text/plain JSON"] = xhr("text/plain", false);
  attack["XMLHttpRequest text/plain JSON, with a listener"] = xhr("text/plain", true);
  attack["XMLHttpRequest application/json"] = xhr("application/json", false);
  const beacon = (body) => (told) => (navigator.sendBeacon(told.url, body(told)) ? "queued" : "refused");
  attack["sendBeacon of a string"] = beacon(({ json }) => json);
  for (const type of ["text/plain", "application/json"]) {
    attack[`sendBeacon of a Blob, ${type}`] = beacon(({ json }) => new Blob([json], { type }));
  }
  attack["sendBeacon of FormData"] = beacon((told) => BODIES.multipart(told).body);
  attack["sendBeacon of URLSearchParams"] = beacon((told) => BODIES.urlencoded(told).body);
  attack["a ping"] = ({ url, site }) => click({ href: `${site}/`, target: "_blank", ping: url });
  attack["CSP report-uri"] = ({ url, site }) =>
    loading("iframe", { src: `${site}/policy?to=${encodeURIComponent(url)}` });

  // Reading

  for (const tag of ["img", "script", "iframe", "embed"]) attack[tag] = ({ url }) => loading(tag, { src: url });
  attack.object = ({ url }) => loading("object", { data: url });
  attack["input of type image"] = ({ url }) => loading("input", { type: "image", src: url });
  attack["img with credentials"] = ({ url }) => loading("img", { crossOrigin: "use-credentials", src: url });
  attack["script of type module, with credentials"] = ({ url }) =>
    loading("script", { type: "module", crossOrigin: "use-credentials", src: url });
  attack["script, and what it leaves"] = async ({ url }) => {
    const happened = await loading("script", { src: url });
    return window.leaked ? `read ${window.leaked}` : happened;
  };
  for (const tag of ["video", "audio"]) {
    attack[tag] = ({ url }) => first(add(tag, { src: url }), ["loadedmetadata", "error"]);
  }
  attack["image in SVG"] = ({ url }) => {
    const [svg, image] = ["svg", "image"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    image.setAttribute("href", url);
    svg.append(image);
    document.body.append(svg);
    return first(image, ["load", "error"]);
  };
  for (const rel of ["stylesheet", "prefetch", "modulepreload"]) {
    attack[`link ${rel}`] = ({ url }) => loading("link", { rel, href: url }, document.head);
  }
  attack["link preload"] = ({ url }) => loading("link", { rel: "preload", as: "image", href: url }, document.head);
  attack["link icon"] = ({ url }) => void add("link", { rel: "icon", href: url }, document.head);
  attack["style url()"] = ({ url }) => void add("div", { style: `height: 9px; background: url("${url}")` });
  attack["style @import"] = ({ url }) => loading("style", { textContent: `@import url("${url}");` });
  attack["style @font-face"] = ({ url }) => new FontFace("f", `url("${url}")`).load().then(() => "load", () => "error");
  attack.EventSource = async ({ url }) => {
    const source = new EventSource(url, { withCredentials: true });
    const happened = await first(source, ["open", "message", "error"]);
    source.close();
    return happened;
  };
  attack.WebSocket = ({ url }) => first(new WebSocket(url.replace("https", "wss")), ["open", "message", "error"]);
  attack["link, in a new tab"] = ({ url }) => click({ href: url, target: "_blank" });
  attack["link, in the same tab"] = ({ url }) => click({ href: url });
  attack["meta refresh, in the same tab"] = ({ url }) =>
    void add("meta", { httpEquiv: "refresh", content: `0; url=${url}` }, document.head);
  attack["location.replace, in the same tab"] = ({ url }) => location.replace(url);
  const look = (other) => {
    try {
      return `read ${other.document.documentElement.outerHTML}`;
    } catch (error) {
      return `refused ${error.name}`;
    }
  };
  attack["iframe, and a look inside"] = async ({ url }) => {
    const iframe = add("iframe", { src: url });
    await first(iframe, ["load"]);
    return look(iframe.contentWindow);
  };
  attack["window.open, and a look inside"] = async ({ url }) => {
    const opened = window.open(url);
    const answered = first(window, ["message"]);
    for (let tries = 0; tries < 80 && look(opened).startsWith("read"); tries += 1) {
      await new Promise((happens) => setTimeout(happens, 25)); // still blank, and the opener's
    }
    opened.postMessage("what do you hold?", "*");
    const heard = await Promise.race([answered, new Promise((happens) => setTimeout(happens, 50, "nothing"))]);
    return `${look(opened)}, ${heard} heard`;
  };
}

/** Makes one attempt. Who leaves their page with it hears no answer: it may be frozen by then, to be gone back to. */
function strike([name, given]) {
  if (name.includes("in the same tab")) return void setTimeout(() => window.attack[name](given));
  return Promise.race([window.attack[name](given), new Promise((happens) => setTimeout(happens, 6000, "nothing"))]);
}

/** Leaves the page as it was before an attempt; false where it is another by now. */
function tidy() {
  document.body.replaceChildren();
  return "attack" in window;
}

// The victim, and where each attacker stands: in another tab, or in a frame of a page.

const rules = Object.values(ORIGINS).map((origin) => {
  const { protocol, hostname } = new URL(origin);
  return `MAP ${hostname} 127.0.0.1:${protocol === "http:" ? told.ports.plain : told.ports.tls}`;
});
mkdirSync(`${told.profile}/Default`, { recursive: true });
// Debian's Chromium blocks cookies of third parties; what protects the victim here must not be that.
const preferences = { profile: { block_third_party_cookies: false, cookie_controls_mode: 0 } };
writeFileSync(`${told.profile}/Default/Preferences`, JSON.stringify(preferences));
const browser = await chromium.launchPersistentContext(told.profile, {
  executablePath: told.chromium,
  chromiumSandbox: false,
  ignoreDefaultArgs: ["--disable-back-forward-cache"],
  args: [
    `--host-resolver-rules=${rules.join(", ")}, MAP * ~NOTFOUND`,
    `--ignore-certificate-errors-spki-list=${told.keys.join(",")}`,
    ...["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
    ...["--disable-component-update", "--disable-sync"],
  ],
});
browser.setDefaultTimeout(8000);

async function open(origin) {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  return page;
}

async function frameOf(page, properties) {
  const handle = await page.evaluateHandle(async (properties) => {
    const iframe = Object.assign(document.createElement("iframe"), properties);
    const loaded = new Promise((happens) => (iframe.onload = happens));
    document.body.append(iframe);
    await loaded;
    return iframe;
  }, properties);
  return handle.asElement().contentFrame();
}

const SANDBOX = "allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox";
const STANDS = {
  evil: async () => (await open(ORIGINS.evil)).mainFrame(),
  sub: async () => (await open(ORIGINS.sub)).mainFrame(),
  plain: async () => (await open(ORIGINS.plain)).mainFrame(),
  stranger: async () => frameOf(await open(ORIGINS.app), { src: `${ORIGINS.stranger}/` }),
  sandbox: async () => frameOf(await open(ORIGINS.app), { sandbox: SANDBOX, srcdoc: BLANK }),
  data: async () => frameOf(await open(ORIGINS.evil), { src: `data:text/html,${BLANK}` }),
};
const SITES = { ...ORIGINS, sandbox: ORIGINS.evil, data: ORIGINS.evil };

async function attackAll(attempts) {
  const attackers = [...new Set(attempts.map(({ attacker }) => attacker))];
  const lane = async () => {
    while (attackers.length > 0) {
      const mine = attackers.shift();
      await attackAs(mine, attempts.filter(({ attacker }) => attacker === mine));
    }
  };
  await Promise.all([lane(), lane()]);
}

async function attackAs(attacker, attempts) {
  let frame = null;
  const popups = [];
  for (const attempt of attempts) {
    if (frame === null) {
      frame = await STANDS[attacker]();
      await frame.evaluate(arm);
      frame.page().on("popup", (popup) => popups.push(popup));
    }
    const page = frame.page();
    await make(attempt, frame, SITES[attacker]);
    for (const popup of popups.splice(0)) await close(popup);
    const isElsewhere = attempt.way.includes("in the same tab");
    if (!isElsewhere && (await frame.evaluate(tidy).catch(() => false))) continue;
    await close(page);
    frame = null;
  }
  if (frame) await close(frame.page());
}

/** A page that is on its way elsewhere may never say that it is closed. */
function close(page) {
  return Promise.race([page.close(), new Promise((happens) => setTimeout(happens, 3000))]);
}

async function make({ marker, way, method, path, json, arrivals: count }, frame, site) {
  const [name, andThen] = way.split(", then ");
  const given = { url: `${ORIGINS.app}${path}?as=${marker}`, method, json: JSON.stringify(json), site, worker: WORKER };
  report.outcomes[marker] = await frame
    .evaluate(strike, [name, given])
    .then((learned) => learned ?? "nothing")
    .catch((error) => `threw ${error.message.split("\n")[0]}`);
  await arrivals.reach(marker, andThen ? 1 : count);
  if (andThen) {
    await reload(frame.page(), site, { isLater: andThen === "away, back and reload" });
    await arrivals.reach(marker, count);
  }
  report.frames[marker] = andThen ? [] : await Promise.all(frame.childFrames().map(show));
}

async function show(frame) {
  const isError = frame.url().startsWith("chrome-error:"); // Chromium's own page, and a large one
  const shown = isError ? "" : await frame.evaluate(() => document.documentElement.innerText).catch(() => "");
  return `${frame.url()} ${shown}`;
}

/** As the user does who sees what they did not ask for; Chromium sends a form again, if they confirm it. */
async function reload(page, site, { isLater }) {
  await page.waitForURL(`${ORIGINS.app}/**`);
  if (isLater) {
    await page.goto(`${site}/away`);
    await page.goBack({ waitUntil: "commit" }).catch(() => null); // "Confirm Form Resubmission"
    await page.waitForURL("chrome-error://**");
  }
  await page.reload().catch(() => null);
}

// The victim's own doings.

function call(page, path, { method = "GET", json = null, ...options } = {}) {
  return page.evaluate(
    async ([path, method, json, options]) => {
      const headers = json ? { "Content-Type": "application/json" } : {};
      try {
        const body = json && JSON.stringify(json);
        const answer = await fetch(path, { method, headers, body, credentials: "include", ...options });
        return { status: answer.status, error: answer.headers.get("x-bff-error"), body: await answer.text() };
      } catch (error) {
        return { status: 0, error: error.name, body: "" };
      }
    },
    [path, method, json, options],
  );
}

async function signIn(page) {
  if (told.session) {
    const { hostname: domain } = new URL(ORIGINS.app);
    await browser.addCookies([{ ...told.session, domain, path: "/", secure: true, httpOnly: true, sameSite: "Lax" }]);
    return;
  }
  const json = { email: "ada@example.com", password: "ada-1815" };
  const answer = await call(page, "/api/auth/login", { method: "POST", json });
  if (answer.status !== 200) throw new Error(`nobody can sign in: ${answer.status} ${answer.body}`);
}

async function callAll(own) {
  const friend = await open(ORIGINS.friend);
  for (const { name, from, path, ...options } of told.calls) {
    const url = `${ORIGINS.app}${path}?as=${name}`;
    const page = from === "friend" ? friend : own;
    report.calls[name] = from === "typed" ? await type(page, url) : await call(page, url, options);
  }
  await friend.close();
}

async function type(page, url) {
  const answer = await page.goto(url);
  return { status: answer.status(), error: answer.headers()["x-bff-error"] ?? null, body: await answer.text() };
}

/** As a link of the page does. */
async function go(page, path) {
  const arrived = page.waitForURL(`${ORIGINS.app}${path}`);
  await Promise.all([arrived, page.evaluate((path) => void (location.href = path), path)]);
}

async function openDocuments() {
  for (const path of told.documents) {
    const page = await open(ORIGINS.app);
    await go(page, path);
    report.documents[path] = await page.evaluate(() => document.documentElement.textContent);
    await page.close();
  }
}

// Cookies that others plant, by every way that sets one.

const PLANT = {
  script: (cookies) => {
    for (const cookie of cookies) document.cookie = cookie;
    return document.cookie.length; // which waits until they are set
  },
  store: async (cookies) => {
    for (const cookie of cookies) await cookieStore.set(cookie);
  },
  header: async (cookies) => {
    await fetch(`/set?to=${encodeURIComponent(JSON.stringify(cookies))}`);
  },
};

async function plantAll(own) {
  const gardens = { sub: await open(ORIGINS.sub), plain: await open(ORIGINS.plain) };
  for (const { marker, from, how, cookies } of told.plants) {
    await browser.clearCookies();
    await signIn(own);
    await gardens[from].evaluate(PLANT[how], cookies).catch(() => null); // some are refused with an error
    const signedIn = await call(own, `${ME}?as=${marker}-in`);
    await call(own, "/api/auth/logout", { method: "POST" });
    const signedOut = await call(own, `${ME}?as=${marker}-out`);
    report.plants[marker] = { signedIn, signedOut };
  }
  await browser.clearCookies();
  for (const page of Object.values(gardens)) await page.close();
}

// What is left of a session.

const KEPT = "/api/proxy/Exercises/kept"; // may be kept for an hour, by this browser alone

async function lookAroundAndSignOut() {
  const seen = [];
  const see = async (answer) => {
    const body = await answer.text().catch(() => "");
    return { url: answer.url(), status: answer.status(), headers: await answer.headersArray(), body };
  };
  browser.on("response", (answer) => seen.push(see(answer)));

  const own = await open(ORIGINS.app);
  await signIn(own);
  report.jar = await browser.cookies(ORIGINS.app);
  await call(own, ME);
  const tabs = { kept: await visit(KEPT), me: await visit(ME), page: await visitPageWithData() };
  for (const [name, tab] of Object.entries(tabs)) report.left[`${name}, back, signed in`] = await goBack(tab);
  for (const tab of Object.values(tabs)) await goForward(tab);
  await keepCopies("signed in", own);
  report.stored = await Promise.all([own, ...Object.values(tabs)].map((page) => page.evaluate(everything)));

  await call(own, "/api/auth/logout?as=sign-out", { method: "POST" });

  await keepCopies("signed out", own);
  for (const [name, tab] of Object.entries(tabs)) report.left[`${name}, back, signed out`] = await goBack(tab);
  report.left["the jar, signed out"] = JSON.stringify(await browser.cookies(ORIGINS.app));
  report.seen = await Promise.all(seen);
}

/** A tab that has been at an answer, and is at the app's page now. */
async function visit(path) {
  const page = await open(ORIGINS.app);
  await go(page, path);
  await go(page, "/elsewhere");
  return page;
}

/** A tab that has been at a page of the app's with the user's data in it, and is at another now. */
async function visitPageWithData() {
  const page = await open(ORIGINS.app);
  await page.evaluate(async (path) => {
    const name = (await (await fetch(path)).json()).user.name;
    document.body.textContent = name;
  }, ME);
  await go(page, "/elsewhere");
  return page;
}

async function goBack(page) {
  await page.goBack({ waitUntil: "commit" }).catch(() => null);
  await page.waitForFunction(() => location.pathname !== "/elsewhere" && document.readyState === "complete");
  return page.evaluate(() => document.body.textContent);
}

async function goForward(page) {
  await page.goForward({ waitUntil: "commit" }).catch(() => null);
  await page.waitForFunction(() => location.pathname === "/elsewhere" && document.readyState === "complete");
}

async function keepCopies(when, page) {
  for (const cache of ["default", "force-cache", "only-if-cached"]) {
    const { status, body } = await call(page, KEPT, { cache, mode: "same-origin" });
    report.left[`${cache}, ${when}`] = `${status} ${body}`;
  }
}

async function everything() {
  const databases = await indexedDB.databases();
  const copies = await caches.keys();
  const stores = [{ ...localStorage }, { ...sessionStorage }, databases, copies, history.state, window.name];
  return [document.cookie, JSON.stringify(stores), location.href, document.documentElement.outerHTML].join("\n");
}

try {
  await attackAll(told.probes);
  const own = await open(ORIGINS.app);
  await signIn(own);
  await attackAll(told.attempts);
  report.after = (await call(own, ME)).status;
  await callAll(own);
  await openDocuments();
  await own.goto(`${ORIGINS.app}/`);
  await plantAll(own);
  await own.close();
  if (told.signsOut) await lookAroundAndSignOut();
} finally {
  await browser.close();
  arrivals.watcher.close();
  sites.close();
  sites.closeAllConnections();
}
process.stdout.write(JSON.stringify(report));
