// `next start` once per core, as process managers do it: node's cluster shares the port.
import cluster from "node:cluster";
import { availableParallelism } from "node:os";

if (cluster.isPrimary) {
  for (let i = 0; i < availableParallelism(); i += 1) {
    cluster.fork();
  }
} else {
  const next = new URL("../node_modules/next/dist/bin/next", import.meta.url).pathname;
  process.argv = [process.argv[0], next, ...process.argv.slice(2)];
  await import(next);
}
