// One origin for the browser: the cookie is the page's own, and there is no CORS.
const bff = process.env.BFF_URL ?? "http://127.0.0.1:8000";

export default {
  poweredByHeader: false,
  async rewrites() {
    return [{ source: "/api/:path*", destination: `${bff}/api/:path*` }];
  },
};
