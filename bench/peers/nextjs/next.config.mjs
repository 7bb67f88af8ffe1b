import { dirname } from "node:path";

/** @type {import("next").NextConfig} */
export default {
  poweredByHeader: false,
  turbopack: { root: dirname(import.meta.dirname) }, // the packages are a folder further up
};
