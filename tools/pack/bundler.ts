import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildOptions, Plugin } from "esbuild";
import { etcd3Tables } from "./etcd3/tables.ts";

/** What the bundles of the command and of the functions have in common. */

/** CommonJS packages in an ES module miss these. */
const BANNER = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url); const __filename = import.meta.filename; const __dirname = import.meta.dirname;`;

/** zod's `z` holds all that zod has, its words in fifty languages too; of a namespace the bundler takes what is used. */
const zodNamespace: Plugin = {
  name: "zod-namespace",
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/](?:cli|shared|functions)[\\/].*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/^import \{ z \} from "zod";$/m, 'import * as z from "zod";'),
      loader: "ts",
    }));
  },
};

/**
 * etcd3 parses its .proto files each time it is loaded, and makes code for every message in them: 0.1 s of CPU. In a bundle it is given tables that were
 * made of the same files (docs/decisions/0018).
 */
function preparedEtcd3(root: string): Plugin {
  return {
    name: "prepared-etcd3",
    setup(bundler) {
      bundler.onLoad({ filter: /etcd3[\\/]lib[\\/]connection-pool\.js$/ }, async ({ path }) => {
        const tables = JSON.stringify(await etcd3Tables(join(root, "node_modules/etcd3/proto/rpc.proto")));
        const codec = JSON.stringify(join(root, "tools/pack/etcd3/codec.ts"));
        const text = await readFile(path, "utf8");
        const contents = text
          .replace(
            'const proto_loader_1 = require("@grpc/proto-loader");\n',
            `const { packageDefinition: prepared } = require(${codec});\n`,
          )
          .replace(/\(0, proto_loader_1\.loadSync\)\(`\$\{__dirname\}\/\.\.\/proto\/rpc\.proto`, \{[^}]*\}\)/, `prepared(${tables})`);
        if (contents.includes("proto_loader") || !contents.includes("prepared({"))
          throw new Error("etcd3 no longer reads its .proto files as it did: look at connection-pool.js");
        return { contents, loader: "js" };
      });
    },
  };
}

/**
 * Native code is looked for at run time, by the architecture, and only where it is needed: an `import` of it at the top of the bundle would end every command on a
 * machine that has none (`npm install --omit=optional`).
 */
const nativeCrc32: Plugin = {
  name: "native-crc32",
  setup(bundler) {
    bundler.onResolve({ filter: /^@node-rs\/crc32$/ }, ({ path, kind }) =>
      kind === "require-call" ? { path, external: true } : { path, namespace: "native" },
    );
    bundler.onLoad({ filter: /.*/, namespace: "native" }, ({ path }) => ({
      contents: `let native;\nexports.crc32c = (bytes, before) => (native ??= require(${JSON.stringify(path)})).crc32c(bytes, before);\n`,
    }));
  },
};

/** Options of esbuild for code that runs on Node, from the sources in the checkout `root`. What it makes can be read: names, lines and comments stay. */
export function bundlerOptions(root: string, plugins: readonly Plugin[] = []): BuildOptions & { readonly metafile: true } {
  return {
    absWorkingDir: root,
    metafile: true,
    bundle: true,
    // What is not needed, such as etcd's client to verify, stays in a file that is not read.
    splitting: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    legalComments: "none",
    banner: { js: BANNER },
    plugins: [...plugins, nativeCrc32, zodNamespace, preparedEtcd3(root)],
    logLevel: "warning",
  };
}
