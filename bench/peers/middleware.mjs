// http-proxy-middleware below Express: the cookie's token becomes the bearer token, all the rest goes through.
// As its own examples have it, each request opens a connection to the backend; with KEEP_ALIVE, connections are kept.
import { Agent } from "node:http";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";

const app = express();
app.disable("x-powered-by");
app.use(
  createProxyMiddleware({
    target: process.env.API_BASE_URL,
    changeOrigin: true,
    agent: process.env.KEEP_ALIVE ? new Agent({ keepAlive: true }) : undefined,
    on: {
      proxyReq(outgoing, request) {
        const token = /(?:^|; )token=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
        outgoing.removeHeader("Cookie");
        if (token) {
          outgoing.setHeader("Authorization", `Bearer ${token}`);
        }
      },
    },
  }),
);
app.listen(Number(process.env.PORT), "127.0.0.1");
