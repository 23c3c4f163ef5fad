import { dirname, join, relative, resolve } from "node:path";
import { parseConfig } from "../config/load.ts";
import { renderConfig } from "../config/template.ts";
import type { ClusterDraft } from "../config/template.ts";
import { LifeboatError } from "../errors.ts";
import { STORE_KEY } from "../documents/layout.ts";

/** The public halves of new keys. */
export interface NewKeys {
  readonly fingerprints: Readonly<Record<"snapshot" | "audit" | "bundle", string>>;
  readonly wrappingKey: string;
}

export interface InitPorts {
  /** Makes all keys in a folder; refuses where one is there. */
  createKeys(folder: string): Promise<NewKeys>;
  newIdentity(): Promise<{ readonly identity: string; readonly recipient: string }>;
  /** Throws `output/exists`. */
  requireFree(path: string): Promise<void>;
  /** Mode 0600, never over something that is there. */
  writeNew(path: string, text: string): Promise<void>;
  /** Mode 0700; whether it was not there before. */
  makeFolder(path: string): Promise<boolean>;
  /** Marks the store with the snapshot key in `keys`, where it is not marked; whether it was not. */
  markStore(store: string, request: { readonly keys: string; readonly snapshotKey: string; readonly at: Date }): Promise<boolean>;
  isReadable(path: string): Promise<boolean>;
  /** With all that is in it; nothing happens where it is not there. */
  remove(path: string): Promise<void>;
}

export interface InitRequest {
  /** Absolute. */
  readonly configFile: string;
  /** Absolute: where keys, vault and the break-glass identity go. */
  readonly directory: string;
  /** Paths absolute. */
  readonly cluster?: ClusterDraft;
  readonly now: Date;
}

export interface InitResult {
  readonly config: string;
  readonly keys: string;
  readonly store: string;
  readonly breakGlassIdentity: string;
  readonly breakGlassRecipient: string;
  readonly fingerprints: NewKeys["fingerprints"];
  readonly warnings: readonly string[];
}

/** Makes a configuration and all that it needs. Everything is checked before the first file is written; nothing is ever overwritten. */
export async function init(ports: InitPorts, request: InitRequest): Promise<InitResult> {
  const { configFile, directory, cluster } = request;
  const [keys, store, breakGlassIdentity] = [join(directory, "keys"), join(directory, "vault"), join(directory, "break-glass.key")];
  for (const path of [configFile, breakGlassIdentity, keys]) await ports.requireFree(path);
  for (const path of [cluster?.ca, cluster?.cert, cluster?.key]) await requireReadable(ports, path);

  const fromConfig = (path: string): string => {
    const short = relative(dirname(configFile), path);
    return short.startsWith(".") ? short : `./${short}`;
  };
  const inFile = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : relative(dirname(configFile), resolve(path));
  const render = (trustedKeys: NewKeys["fingerprints"], breakGlass: string): string =>
    renderConfig({
      store: fromConfig(store),
      keys: fromConfig(keys),
      breakGlass,
      trustedKeys,
      cluster:
        cluster === undefined ? undefined : { ...cluster, ca: inFile(cluster.ca), cert: inFile(cluster.cert), key: inFile(cluster.key) },
    });
  const breakGlass = await ports.newIdentity();
  // A dry rendering: a wrong cluster name or endpoint is told before any key is made.
  // Each another: one fingerprint for two purposes is refused.
  const placeholder = (digit: string): string => `sha256:${digit.repeat(64)}`;
  const placeholders = { snapshot: placeholder("0"), audit: placeholder("1"), bundle: placeholder("2") };
  parseConfig(render(placeholders, breakGlass.recipient), "the new configuration");

  const made = await ports.createKeys(keys);
  const undo = [keys];
  try {
    if (await ports.makeFolder(store)) undo.push(store);
    if (await ports.markStore(store, { keys, snapshotKey: made.fingerprints.snapshot, at: request.now })) undo.push(join(store, STORE_KEY));
    await ports.writeNew(
      breakGlassIdentity,
      `# etcd-lifeboat break-glass identity: opens every snapshot. Keep it offline.\n# public key: ${breakGlass.recipient}\n${breakGlass.identity}\n`,
    );
    undo.push(breakGlassIdentity);
    await ports.writeNew(configFile, render(made.fingerprints, breakGlass.recipient));
  } catch (error) {
    // Nothing was encrypted to these keys yet, so a second try may start afresh. What somebody else put there meanwhile stays.
    for (const path of undo) await ports.remove(path);
    throw error;
  }
  return {
    config: configFile,
    keys,
    store,
    breakGlassIdentity,
    breakGlassRecipient: breakGlass.recipient,
    fingerprints: made.fingerprints,
    warnings: warningsFor(cluster),
  };
}

async function requireReadable(ports: InitPorts, path: string | undefined): Promise<void> {
  if (path === undefined || (await ports.isReadable(path))) return;
  throw new LifeboatError("usage", `${path} cannot be read`, { hint: "check the path given to --cacert, --cert or --key" });
}

function warningsFor(cluster: ClusterDraft | undefined): string[] {
  const plain = cluster?.endpoints.filter((each) => each.startsWith("http:")) ?? [];
  return plain.length === 0
    ? []
    : [`${plain.join(", ")}: plain http carries every secret of the cluster unencrypted; use it on loopback only`];
}
