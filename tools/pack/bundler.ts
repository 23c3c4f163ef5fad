import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildOptions, Plugin } from "esbuild";
import protobuf from "protobufjs";

/** What the bundles of the command and of the functions have in common. */

/** CommonJS packages in an ES module miss these. */
const BANNER = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url); const __filename = import.meta.filename; const __dirname = import.meta.dirname;`;

/** zod's `z` holds all that zod has, its words in fifty languages too; of a namespace the bundler takes what is used. */
function withZodNamespace(text: string): string {
  return text.replace(/^import \{ z \} from "zod";$/m, 'import * as z from "zod";');
}

/** Our own sources, each with what `rewrite` makes of it. */
function ownSources(rewrite: (text: string) => string): Plugin {
  return {
    name: "own-sources",
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/](?:cli|shared|functions)[\\/].*\.ts$/ }, async ({ path }) => ({
        contents: rewrite(withZodNamespace(await readFile(path, "utf8"))),
        loader: "ts",
      }));
    },
  };
}

/** What etcd3 is used for (shared/etcd/grpc/log-in.ts): a service's methods. */
const ETCD3_CALLS: Readonly<Record<string, readonly string[]>> = { Auth: ["Authenticate"] };

/** Leaves of `root` the calls that are made, and the messages that they are made of. */
function keepCalled(root: protobuf.Root): void {
  const kept = new Set<protobuf.ReflectionObject>();
  const keep = (type: protobuf.Type | protobuf.Enum | null): void => {
    if (type === null || kept.has(type)) return;
    kept.add(type);
    if (!(type instanceof protobuf.Type)) return;
    // A message may stand in another's name.
    for (let around = type.parent; around !== null; around = around.parent) kept.add(around);
    for (const field of type.fieldsArray) keep(field.resolvedType);
  };
  root.resolveAll();
  for (const [name, methods] of Object.entries(ETCD3_CALLS)) {
    const service = root.lookupService(`etcdserverpb.${name}`);
    kept.add(service);
    for (const method of methods) {
      const called = service.methods[method];
      if (called === undefined) throw new Error(`etcd3 knows no ${name}.${method}`);
      keep(called.resolvedRequestType);
      keep(called.resolvedResponseType);
    }
    for (const method of service.methodsArray) if (!methods.includes(method.name)) service.remove(method);
  }
  const prune = (space: protobuf.NamespaceBase): void => {
    for (const each of space.nestedArray) {
      if (each instanceof protobuf.Namespace && !(each instanceof protobuf.Service) && !(each instanceof protobuf.Type)) prune(each);
      else if (!kept.has(each)) space.remove(each);
    }
  };
  prune(root);
}

/**
 * etcd3 parses its .proto files each time it is loaded. In a bundle it is given what protobufjs makes of the same files, as JSON, which proto-loader takes
 * as well (docs/decisions/0018), without what is not called: of each message it makes descriptions and code.
 */
function preparedEtcd3(root: string): Plugin {
  return {
    name: "prepared-etcd3",
    setup(bundler) {
      bundler.onLoad({ filter: /etcd3[\\/]lib[\\/]connection-pool\.js$/ }, async ({ path }) => {
        const parsed = await new protobuf.Root().load(join(root, "node_modules/etcd3/proto/rpc.proto"), { keepCase: true });
        keepCalled(parsed);
        const text = await readFile(path, "utf8");
        const contents = text.replace(
          "loadSync)(`${__dirname}/../proto/rpc.proto`,",
          () => `fromJSON)(${JSON.stringify(parsed.toJSON())},`,
        );
        if (contents === text) throw new Error("etcd3 no longer reads its .proto files as it did: look at connection-pool.js");
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

/** Options of esbuild for code that runs on Node, from the sources in the checkout `root`. What it makes can be read: names and lines stay. `rewrite` is applied to each source of ours. */
export function bundlerOptions(
  root: string,
  rewrite: (text: string) => string = (text) => text,
): BuildOptions & { readonly metafile: true } {
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
    plugins: [nativeCrc32, ownSources(rewrite), preparedEtcd3(root)],
    logLevel: "warning",
  };
}
