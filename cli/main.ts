#!/usr/bin/env node
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { refusalOf } from "./node-version.ts";
import { Parts } from "./parts.ts";
import type { start as Start } from "./start.ts";

const refusal = refusalOf(process.versions.node);
if (refusal !== undefined) {
  const hint = "install a newer one from nodejs.org or by your package manager, and let it come first on PATH";
  process.stderr.write(`lifeboat: ${refusal}\nlifeboat: hint: ${hint}\n`);
  if (process.argv.includes("--json"))
    process.stdout.write(`${JSON.stringify({ error: { code: "usage", message: refusal, hint, exitCode: 2 } }, undefined, 2)}\n`);
  process.exit(2);
}

// A checkout's sources are loaded by Node, the built command's parts by us.
if (extname(import.meta.url) === ".ts") void import("./start.ts").then(({ start }) => start());
else {
  const parts = new Parts(dirname(fileURLToPath(import.meta.url)), process.env, process.argv.slice(2));
  const { start } = parts.load("start.js") as { readonly start: typeof Start };
  // 6: it was done, and a person should look at it.
  void start().then((exitCode) => parts.keep(exitCode === 0 || exitCode === 6));
}
