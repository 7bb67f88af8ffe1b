// Makes session cookies with the packages' own code: next-auth (v4) and @auth/core (v5).
//
// stdin:  [{version: 4 | 5, name, secret, claims, maxAge}]   secret: text, or for v5 a list of them, the first encrypts
// stdout: [{<cookie name>: <value>}]                         one object for each request, in chunks where it is long

import { text } from "node:stream/consumers";

import * as core from "@auth/core/jwt";
import * as nextAuth from "next-auth/jwt";

// Neither package exports what cuts a session into cookies.
const files = new URL("node_modules/", import.meta.url);
const { SessionStore: StoreV4 } = await import(new URL("next-auth/core/lib/cookie.js", files));
const { SessionStore: StoreV5 } = await import(new URL("@auth/core/lib/utils/cookie.js", files));

const silent = { debug() {}, warn() {}, error() {} };

async function cookies({ version, name, secret, claims, maxAge }) {
  const option = { name, options: {} };
  const [value, store] =
    version === 4
      ? [await nextAuth.encode({ token: claims, secret, maxAge }), new StoreV4(option, { cookies: {} }, silent)]
      : [await core.encode({ token: claims, secret, maxAge, salt: name }), new StoreV5(option, {}, silent)];
  return Object.fromEntries(store.chunk(value, {}).map((cookie) => [cookie.name, cookie.value]));
}

const requests = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await Promise.all(requests.map(cookies))));
