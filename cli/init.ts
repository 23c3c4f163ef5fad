import { dirname, join } from "node:path";
import { LifeboatError } from "../shared/errors.ts";
import { init } from "../shared/jobs/init.ts";
import type { InitResult } from "../shared/jobs/init.ts";
import { initPorts } from "../shared/wire/init.ts";
import { DEFAULT_CONFIG } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note } from "./console.ts";

interface Options {
  readonly dir?: string;
  readonly cluster?: string;
  readonly endpoint?: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
}

/** `lifeboat init`. */
export const registerInit: Register = (program, run) => {
  program
    .command("init")
    .summary("make a configuration, a store and keys")
    .description(
      "Make a commented lifeboat.yaml with every setting at its default, a directory store, keys, and a break-glass identity. Nothing is overwritten.",
    )
    .option("--dir <folder>", "where to make them (default: the current folder)")
    .option("--cluster <name>", "add a cluster of this name")
    .option("--endpoint <url...>", "its endpoints, such as https://10.0.0.1:2379")
    .option("--cacert <file>", "the CA that signs the members' certificates")
    .option("--cert <file>", "the client certificate")
    .option("--key <file>", "the client certificate's key")
    .option("--user <name>", "a user with the root role; the password is read from ETCD_PASSWORD")
    .addHelpText(
      "after",
      "\nExample:\n  $ lifeboat init --cluster prod --endpoint https://10.0.0.1:2379 \\\n      --cacert ca.pem --cert client.pem --key client-key.pem",
    )
    .action((options: Options) =>
      run(async (session) => {
        const configFile = session.configOption ?? join(session.resolvePath(options.dir ?? "."), DEFAULT_CONFIG);
        const directory = options.dir === undefined ? dirname(configFile) : session.resolvePath(options.dir);
        report(
          session,
          await init(initPorts, { configFile, directory, cluster: clusterOf(session, options), now: session.console.clock.now() }),
        );
        return 0;
      }),
    );
};

function clusterOf(session: Session, options: Options): Parameters<typeof init>[1]["cluster"] {
  const { cluster, endpoint, cacert, cert, key, user } = options;
  if (cluster === undefined) {
    const stray = (["endpoint", "cacert", "cert", "key", "user"] as const).find((name) => options[name] !== undefined);
    if (stray !== undefined)
      throw new LifeboatError("usage", `--${stray} needs --cluster NAME`, { hint: "name the cluster that it belongs to" });
    return undefined;
  }
  if (endpoint === undefined)
    throw new LifeboatError("usage", "--cluster needs --endpoint URL", {
      hint: "give at least one, such as --endpoint https://10.0.0.1:2379",
    });
  if ((cert === undefined) !== (key === undefined))
    throw new LifeboatError("usage", "--cert and --key go together", { hint: "give both, or none" });
  if (user?.includes(":") === true)
    throw new LifeboatError("usage", "--user takes a name only: a password in an argument can be seen by every process", {
      hint: "put the password into the environment variable ETCD_PASSWORD",
    });
  const absolute = (path: string | undefined): string | undefined => (path === undefined ? undefined : session.resolvePath(path));
  return { name: cluster, endpoints: endpoint, ca: absolute(cacert), cert: absolute(cert), key: absolute(key), username: user };
}

function report(session: Session, result: InitResult): void {
  const { console, json } = session;
  for (const warning of result.warnings) note(console, `warning: ${warning}`);
  if (json) return printJson(console, "init", result);
  print(
    console,
    `made ${result.config}
made ${result.keys} (keys that sign, and the key that wraps; mode 0600)
made ${result.store} (the store)
made ${result.breakGlassIdentity} (opens every snapshot when all other keys are lost)

Now move ${result.breakGlassIdentity} offline: print it, or put it on a medium in a safe, and delete it here.
Its recipient ${result.breakGlassRecipient} stays in the configuration.`,
  );
}
