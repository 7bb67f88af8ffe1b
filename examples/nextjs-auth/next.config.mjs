const bff = process.env.BFF_URL ?? "http://127.0.0.1:8000";

/** @type {import("next").NextConfig} */
export default {
  poweredByHeader: false,
  turbopack: { root: import.meta.dirname }, // there may be other lock files further up
  // One origin for the browser. /api/auth/* has a handler here and stays here. `next build` writes BFF_URL down.
  async rewrites() {
    return [{ source: "/api/proxy/:path*", destination: `${bff}/api/proxy/:path*` }];
  },
};
