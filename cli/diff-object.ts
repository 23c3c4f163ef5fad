import type { JsonDocument } from "../shared/contract/documents.ts";
import { LifeboatError } from "../shared/errors.ts";
import type { Sides, ValueDifference } from "../shared/jobs/look/diff-values.ts";
import type { FoundOne, Wanted } from "../shared/jobs/look/get.ts";
import type { FoundValue } from "../shared/jobs/look/read-values.ts";
import { envelopeOf } from "../shared/kube/envelope.ts";
import type { Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { printable } from "./format.ts";
import { BY_INDEX } from "./get-value.ts";
import { openReader } from "./kube-reader.ts";
import { keyJson, onOneLine } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { clusterBeside, LIVE, withLive } from "./with-live.ts";
import { requireSnapshot, withSnapshot } from "./with-snapshot.ts";
import { writeText } from "./write-text.ts";

export interface DiffObjectOptions {
  readonly reveal?: boolean;
  readonly showManagedFields?: boolean;
  readonly encryptionConfig?: string;
  readonly index: boolean;
  readonly cluster?: string;
  readonly from?: string;
}

/** How a value was found: as FoundOne says, or by asking the live cluster. */
type By = FoundOne["by"] | "live";

interface Found {
  readonly value: (FoundValue & { readonly by: By }) | undefined;
  /** Of the state that it was looked for in. */
  readonly name: string;
}

/** `lifeboat diff --object`. */
export async function diffObject(
  session: Session,
  before: string,
  after: string,
  wanted: Wanted,
  options: DiffObjectOptions,
): Promise<void> {
  const { reveal = false, showManagedFields = false, encryptionConfig, from } = options;
  const { console } = session;
  const progress = new ConsoleProgress(console);
  const decoder = await openReader(session, { encryptionConfig, whats: [before, after], from });
  const sides = await findBoth(session, progress, { before, after, wanted, ...options }).finally(() => progress.close());
  const found = sides.after.value ?? sides.before.value;
  if (found === undefined) {
    const names = `${sides.before.name} and ${sides.after.name}`;
    throw new LifeboatError("input/no-entry", `${wanted.words} is in neither of ${names}`, {
      hint: "lifeboat find REF lists what there is",
    });
  }
  for (const { value, name } of [sides.before, sides.after]) if (value?.by === "index") note(console, `${name}: ${BY_INDEX}`);
  const { diffValues } = await import("../shared/jobs/look/diff-values.ts");
  const values = { before: sides.before.value, after: sides.after.value };
  const request = { decoder, reveals: reveal, showsManagedFields: showManagedFields, signal: console.signal };
  const difference = await diffValues(values, request);
  const shown = { before: sides.before, after: sides.after, key: found.key, difference };
  if (session.json) printJson(console, "diff", documentOf(shown));
  else await printShown(session, shown);
}

async function findBoth(
  session: Session,
  progress: ConsoleProgress,
  asked: DiffObjectOptions & { readonly before: string; readonly after: string; readonly wanted: Wanted },
): Promise<{ readonly before: Found; readonly after: Found }> {
  const { before, after, from } = asked;
  const { signal } = session.console;
  const named = "key" in asked.wanted ? ["--key-hex", asked.wanted.words] : ["--object", asked.wanted.words];
  const cluster = after === LIVE ? await clusterBeside(session, before, asked.cluster) : undefined;
  const { findLive, findOne, wantedTest } = await import("../shared/jobs/look/get.ts");
  const inSnapshot = (what: string, words: (ref: string) => readonly string[], wanted: Wanted): Promise<Found> =>
    withSnapshot(session, { what, from, progress, words }, async (input, openIndex) => {
      const index = asked.index ? await openIndex?.() : undefined;
      const found = await findOne(input, wanted, { progress, signal }, index);
      return { value: "value" in found ? found : undefined, name: input.name };
    });
  const wordsAfter = (ref: string): readonly string[] => ["diff", before, ref, ...named];
  if (cluster === undefined) await requireSnapshot(session, { what: after, from, progress, words: wordsAfter });
  const first = await inSnapshot(before, (ref) => ["diff", ref, after, ...named], asked.wanted);
  // What the name meant there, it means here.
  const wanted = first.value === undefined ? asked.wanted : { words: asked.wanted.words, key: first.value.key };
  if (cluster === undefined) return { before: first, after: await inSnapshot(after, wordsAfter, wanted) };
  const value = await withLive(session, { cluster, isWanted: wantedTest(wanted), progress }, (live) =>
    findLive(live, wanted, LIVE, signal),
  );
  return { before: first, after: { value: value && { ...value, by: "live" }, name: LIVE } };
}

interface Shown {
  readonly before: Found;
  readonly after: Found;
  readonly key: Uint8Array;
  readonly difference: ValueDifference;
}

function documentOf({ before, after, key, difference }: Shown): Extract<JsonDocument<"diff">, { readonly diff: unknown }> {
  const { change, form, hunks, notRead, isRedacted, onlyManagedFields, warnings } = difference;
  return {
    before: before.name,
    after: after.name,
    change,
    ...keyJson(key),
    modRevisionBefore: before.value?.revision ?? null,
    modRevisionAfter: after.value?.revision ?? null,
    byBefore: before.value?.by ?? null,
    byAfter: after.value?.by ?? null,
    valueBytesBefore: before.value?.value.length ?? null,
    valueBytesAfter: after.value?.value.length ?? null,
    form: form ?? null,
    diff: form === undefined ? null : hunks,
    notReadBefore: notRead.before ?? null,
    notReadAfter: notRead.after ?? null,
    redacted: isRedacted,
    onlyManagedFields,
    warnings: [...warnings],
  };
}

async function printShown({ console }: Session, { before, after, key, difference }: Shown): Promise<void> {
  const { change, form, hunks, notRead, isRedacted, onlyManagedFields, warnings } = difference;
  const words = onOneLine(keyJson(key).key);
  for (const warning of warnings) note(console, `warning: ${words} ${onOneLine(warning)}`);
  const names = `${before.name} and ${after.name}`;
  if (change === "same") return note(console, `${words} is the same in ${names}`);
  if (change === "rewritten") return note(console, `${words} was written again with the same value: ${revisions(before, after)}`);
  if (form !== undefined && hunks !== "") {
    async function* text(): AsyncGenerator<string, void, undefined> {
      yield `${head("---", before, words)}${head("+++", after, words)}`;
      yield printable(hunks);
    }
    await writeText(console, text());
    if (isRedacted) note(console, "the data of the Secret is not shown: --reveal shows it");
    return;
  }
  for (const [side, reason] of unread({ before, after }, notRead)) note(console, `warning: ${words} ${onOneLine(reason)}, in ${side}`);
  if (onlyManagedFields) return note(console, `${words} differs in its managedFields alone in ${names}: --show-managed-fields shows them`);
  if (form === "yaml") return note(console, `${words} holds the same object in ${names}, in other bytes: ${sizes(before, after)}`);
  print(console, `${words} differs: ${sizes(before, after)}`);
  if (isRedacted) note(console, "the values are not shown, since they may be a Secret's: --reveal shows them");
}

function head(sign: string, { name, value }: Found, words: string): string {
  return value === undefined ? `${sign} /dev/null (not in ${name})\n` : `${sign} ${words} in ${name}, revision ${value.revision}\n`;
}

function revisions(before: Found, after: Found): string {
  return `revision ${before.value?.revision ?? 0} in ${before.name}, ${after.value?.revision ?? 0} in ${after.name}`;
}

function sizes(...sides: readonly Found[]): string {
  return sides
    .map(({ value, name }) =>
      value === undefined ? `not in ${name}` : `${value.value.length} bytes in ${name} at revision ${value.revision}`,
    )
    .join(", ");
}

/** Values that should have been objects, with the name of where they are. */
function unread(sides: { readonly before: Found; readonly after: Found }, notRead: Sides<string>): readonly (readonly [string, string])[] {
  return (["before", "after"] as const).flatMap((side) => {
    const { value, name } = sides[side];
    const reason = notRead[side];
    if (value === undefined || reason === undefined || envelopeOf(value.value).form === "other") return [];
    return [[name, reason] as const];
  });
}
