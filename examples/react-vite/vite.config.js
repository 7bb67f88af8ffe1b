import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// One origin for the browser: the cookie is the page's own, and there is no CORS.
const proxy = { "/api": process.env.BFF_URL ?? "http://127.0.0.1:8000" };

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } });
