import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import type { ObjectDecoder } from "../shared/kube/decoder.ts";
import type { EncryptionKey } from "../shared/kube/encryption-config.ts";
import type { Session } from "./command.ts";
import { note } from "./console.ts";
import { LIVE } from "./with-live.ts";

export const ENCRYPTION_CONFIG_FLAG = "--encryption-config <file>";
export const ENCRYPTION_CONFIG_HELP =
  "the API server's EncryptionConfiguration, to decrypt what it encrypted; node-files: out of the stored files of the nodes, node-files/NODE: of one";

/** What values are read for. */
export interface OfValues {
  /** `--encryption-config`, as the person gave it. */
  readonly encryptionConfig: string | undefined;
  /** The snapshots that they are read from: refs, names of files, or `live`. */
  readonly whats: readonly string[];
  readonly from: string | undefined;
}

/** What reads objects of Kubernetes, also where there is no configuration. */
export async function openReader(session: Session, of: OfValues): Promise<ObjectDecoder> {
  const { openDecoder } = await import("../shared/wire/kube.ts");
  const keys = await encryptionKeys(session, of);
  const loaded = await session.loadConfig().catch((error: unknown) => {
    if (session.configOption === undefined && isLifeboatError(error, "config/not-found")) return undefined;
    throw error;
  });
  return openDecoder(loaded, session.surroundings, keys);
}

async function encryptionKeys(session: Session, of: OfValues): Promise<readonly EncryptionKey[]> {
  const { encryptionConfig: given } = of;
  if (given === undefined) return [];
  const [, node] = /^node-files(?:\/([^/]+))?$/.exec(given) ?? [];
  const [{ isFileThere }, { readEncryptionKeys }] = await Promise.all([
    import("../shared/wire/files.ts"),
    import("../shared/wire/kube.ts"),
  ]);
  const path = session.resolvePath(given);
  if (!/^node-files(\/[^/]+)?$/.test(given) || (await isFileThere(path))) return readEncryptionKeys(path, given);
  return storedEncryptionKeys(session, node, of);
}

/** Out of the node files of each cluster that a snapshot is of, as they were when it was. */
async function storedEncryptionKeys(
  session: Session,
  node: string | undefined,
  { whats, from }: OfValues,
): Promise<readonly EncryptionKey[]> {
  const [{ isFileThere }, { isRef, resolveRef }, { isNodeName }, { nodeFilesPorts }, { storedKeys }] = await Promise.all([
    import("../shared/wire/files.ts"),
    import("../shared/vault/ref.ts"),
    import("../shared/documents/layout.ts"),
    import("../shared/wire/node-files.ts"),
    import("../shared/jobs/node-files/stored-keys.ts"),
  ]);
  const refs: string[] = [];
  for (const what of whats)
    if (what !== LIVE && isRef(what) && (from !== undefined || !(await isFileThere(session.resolvePath(what))))) refs.push(what);
  if (refs.length === 0)
    throw new LifeboatError("usage", "--encryption-config node-files goes with a stored snapshot, and none is named", {
      hint: "lifeboat node-files export writes the files of a node: give its EncryptionConfiguration by --encryption-config FILE",
    });
  if (node !== undefined && !isNodeName(node))
    throw new LifeboatError("usage", `"${node}" is no name of a node`, { hint: "lifeboat node-files ls shows which have files" });
  const { signal } = session.console;
  const ports = await nodeFilesPorts(await session.loadConfig(), session.surroundings, await session.openPorts("nothing", from));
  const keys: EncryptionKey[] = [];
  for (const ref of refs) {
    const { manifest } = await resolveRef(ports, ref, signal);
    const found = await storedKeys(ports, { cluster: manifest.cluster, node, at: new Date(manifest.createdAt), signal });
    keys.push(...found.keys);
    for (const { message } of found.faults) note(session.console, `warning: node files that are not believed were passed over: ${message}`);
  }
  return keys;
}
