import { resolve } from "node:path";
import type { JsonDocument } from "../shared/contract/documents.ts";
import type { GotAll, ObjectNote } from "../shared/jobs/look/get-all.ts";
import { LifeboatError } from "../shared/errors.ts";
import { FolderDraft } from "../shared/wire/output.ts";
import type { Session } from "./command.ts";
import { note, printDone, printJson } from "./console.ts";
import type { GetOptions } from "./get.ts";
import { openReader } from "./kube-reader.ts";
import { keyJson, onOneLine } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { withSnapshot } from "./with-snapshot.ts";

/** `lifeboat get --all`. */
export async function getAllObjects(session: Session, what: string, options: GetOptions): Promise<void> {
  const { console } = session;
  const { namespace = "", out = "", from, encryptionConfig } = options;
  const folder = resolve(session.resolvePath(out));
  const decoder = await openReader(session, { encryptionConfig, whats: [what], from });
  await using draft = await FolderDraft.begin(folder);
  const progress = new ConsoleProgress(console);
  const words = (ref: string): readonly string[] => ["get", ref, "--all", "-n", namespace, "--out", out];
  const { got, name } = await withSnapshot(session, { what, from, progress, words }, async (input) => {
    const { getAll } = await import("../shared/jobs/look/get-all.ts");
    const request = {
      namespace,
      isCleaned: options.clean === true,
      withMade: options.made === true,
      decoder,
      write: (file: string, bytes: Uint8Array) => draft.add({ name: file, bytes: [bytes] }, console.signal, () => undefined),
    };
    return { got: await getAll(input, request, { progress, signal: console.signal }), name: input.name };
  }).finally(() => progress.close());
  if (got.objects + got.raw.length + got.made.length === 0)
    throw new LifeboatError("input/no-entry", `there is no object of the namespace ${namespace} in ${name}`, {
      hint: `lifeboat find ${name} '**/namespaces/*' lists the namespaces in it`,
    });
  await draft.finish();
  if (session.json) printJson(console, "get", documentOf(name, namespace, folder, got));
  else tell(session, out, got);
}

function documentOf(snapshot: string, namespace: string, folder: string, got: GotAll): JsonDocument<"get"> {
  const notes = (list: readonly ObjectNote[]): { key: string; text: string }[] =>
    list.map(({ key, text }) => ({ key: keyJson(key).key, text }));
  return {
    snapshot,
    namespace,
    folder,
    objects: got.objects,
    secrets: got.secrets,
    made: notes(got.made),
    raw: notes(got.raw),
    warnings: notes(got.warnings),
  };
}

function tell({ console }: Session, out: string, { objects, secrets, made, raw, warnings }: GotAll): void {
  const line = ({ key, text }: ObjectNote): string => onOneLine(`${keyJson(key).key} ${text}`);
  for (const each of raw) note(console, `warning: ${line(each)}; its file is the value as it is stored`);
  for (const [first, ...others] of Map.groupBy(warnings, ({ text }) => text).values()) {
    if (first === undefined) continue;
    note(console, `warning: ${line(first)}`);
    if (others.length > 0) note(console, `warning: the same is true of ${others.length} more (--json names them)`);
  }
  if (made.length > 0) note(console, `${made.length} objects that others make anew are left out, such as Pods: --made takes them too`);
  const files = `wrote ${objects + raw.length} files to ${out}`;
  printDone(
    console,
    secrets === 0 ? files : `${files}: ${secrets} of them are Secrets, unencrypted; delete the folder when it is no longer needed`,
  );
}
