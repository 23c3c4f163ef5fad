import { Option } from "commander";
import { LifeboatError } from "../shared/errors.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { getAllObjects } from "./get-all.ts";
import { getValue } from "./get-value.ts";
import { KEY_HEX_FLAG, requireNamespace } from "./key-option.ts";
import { ENCRYPTION_CONFIG_FLAG, ENCRYPTION_CONFIG_HELP } from "./kube-reader.ts";

export interface GetOptions {
  readonly keyHex?: string;
  readonly as?: "raw" | "json" | "yaml";
  readonly clean?: boolean;
  readonly reveal?: boolean;
  readonly encryptionConfig?: string;
  readonly all?: boolean;
  readonly namespace?: string;
  readonly made?: boolean;
  readonly out?: string;
  readonly index: boolean;
  readonly from?: string;
}

/** `lifeboat get`. */
export const registerGet: Register = (program, run) => {
  program
    .command("get")
    .summary("print one value out of a snapshot, or write all objects of a namespace")
    .description(
      "Print the value that a key, or a Kubernetes object by its name, had when a snapshot was taken: an object as YAML, any other value exactly as it is. Where the verification of a stored snapshot left an index of its keys, only the part that holds the value is read and checked, and a line says so; else the snapshot is read once from end to end and checked as lifeboat export checks it. Nothing of it is written to disk, and no etcd is started. A file needs no configuration. On a terminal control characters are shown, not sent, and the data of Secrets is not shown.",
    )
    .argument("<ref|file>", "which snapshot")
    .argument("[key|resource/namespace/name]", "which value")
    .option(KEY_HEX_FLAG, "the key, byte by byte in hexadecimal")
    .addOption(new Option("--as <form>", "how it is printed (default: yaml for objects, else raw)").choices(["raw", "json", "yaml"]))
    .option("--clean", "leave out what keeps kubectl create from taking it (uid, status, ...)")
    .option("--reveal", "show the data of Secrets on a terminal")
    .option(ENCRYPTION_CONFIG_FLAG, ENCRYPTION_CONFIG_HELP)
    .option("--no-index", "read the whole snapshot, which also proves that the value is the newest")
    .option("--all", "write all objects of a namespace, with -n and --out")
    .option("-n, --namespace <name>", "the namespace that --all takes")
    .option("--made", "with --all: also what others make anew, such as a Deployment's Pods")
    .option("--out <folder>", "where --all writes: a new folder")
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText(
      "after",
      `${REF_HELP}\nIf a file of that name exists, the file is read.\n\nExample:\n  $ lifeboat get prod/good deploy/shop/web --clean | kubectl create -f -\n  $ lifeboat get prod/good app/config/one\n  $ lifeboat get prod/good --all -n shop --clean --out shop`,
    )
    .action((what: string, key: string | undefined, options: GetOptions) =>
      run(async (session) => {
        requireFitting(key, options);
        await (options.all === true ? getAllObjects(session, what, options) : getValue(session, what, key, options));
        return 0;
      }),
    );
};

function requireFitting(key: string | undefined, { keyHex, all, namespace, out, made, as, clean }: GetOptions): void {
  if (all === true) {
    if (namespace !== undefined) requireNamespace(namespace);
    if (namespace === undefined || out === undefined)
      throw new LifeboatError("usage", "--all needs a namespace and a folder", { hint: "give -n NAMESPACE and --out FOLDER" });
    if (key !== undefined || keyHex !== undefined || as !== undefined)
      throw new LifeboatError("usage", "--all writes every object as YAML", { hint: "leave out the key and --as" });
    return;
  }
  const only = Object.entries({ "-n": namespace, "--out": out, "--made": made }).find(([, value]) => value !== undefined)?.[0];
  if (only !== undefined) throw new LifeboatError("usage", `${only} goes with --all`, { hint: "lifeboat get --help says how" });
  if (key === "" || (key === undefined) === (keyHex === undefined))
    throw new LifeboatError("usage", "give a key, or --key-hex and its bytes", { hint: "lifeboat find REF lists what there is" });
  if (clean === true && as === "raw")
    throw new LifeboatError("usage", "--clean changes an object, and --as raw prints its bytes", { hint: "leave one of them out" });
}
