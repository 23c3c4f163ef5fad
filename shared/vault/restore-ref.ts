import { LifeboatError } from "../errors.ts";
import { readUntil } from "../store/read-until.ts";
import { newestGood } from "./good.ts";
import type { NewestGood } from "./good.ts";
import { readJudged } from "./judge.ts";
import type { Judged, JudgePorts } from "./judge.ts";
import { noneGood, parseRef, resolveRef } from "./ref.ts";

export interface ToRestore extends Judged {
  readonly passedOver: NewestGood["passedOver"];
}

/**
 * The snapshot that a ref names to whoever restores from it: a good one. `CLUSTER/good` and `CLUSTER@TIME` give the newest good one (whose data was taken at or before TIME); one that is
 * named otherwise must be good, unless it is `unverified` and named by its id.
 *
 * Throws `ref/not-good` with the reasons, and in its hint the newest good one; `ref/not-found` where there is none; `usage` for `unverified` without an id.
 */
export async function resolveToRestore(
  ports: JudgePorts,
  text: string,
  { unverified = false, signal }: { readonly unverified?: boolean | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ToRestore> {
  const ref = parseRef(text);
  if (unverified && !("id" in ref)) {
    throw new LifeboatError("usage", `--unverified takes a snapshot by its id, and ${text} names none`, {
      hint: `lifeboat ls ${ref.cluster} shows the ids; without --unverified ${ref.cluster}/good is the newest good one`,
    });
  }
  const vault = { ...ports, blobs: readUntil(ports.blobs, signal) };
  const judged = await resolveJudged(vault, text);
  if (judged.lacks.length > 0 && !unverified) throw await notGood(vault, judged);
  return judged;
}

/**
 * The snapshot that a ref names, and what it lacks to be good. `CLUSTER/good` and `CLUSTER@TIME` give a good one; any other ref gives the one that it names, good or not. Throws `ref/not-found`.
 */
export async function resolveJudged(vault: JudgePorts, text: string): Promise<ToRestore> {
  const ref = parseRef(text);
  if (!("good" in ref || "at" in ref)) return { ...(await readJudged(vault, await resolveRef(vault, text))), passedOver: [] };
  const until = "at" in ref ? ref.at : undefined;
  const { good, passedOver } = await newestGood(vault, ref.cluster, until);
  return { ...(good ?? (await noneGood(vault, ref.cluster, until))), passedOver };
}

async function notGood(vault: JudgePorts, { manifest: { cluster, id }, lacks }: Judged): Promise<LifeboatError> {
  const { good } = await newestGood(vault, cluster);
  const instead =
    good === undefined
      ? `none of ${cluster} is good`
      : `the newest good one is ${cluster}/${good.manifest.id}, which ${cluster}/good names`;
  const mend = lacks.every(({ code }) => code === "not-countersigned") ? `lifeboat verify ${cluster}/${id} --deep countersigns it; ` : "";
  return new LifeboatError("ref/not-good", `${cluster}/${id} is not good: ${lacks.map(({ reason }) => reason).join("; ")}`, {
    hint: `${instead}; ${mend}${cluster}/${id} with --unverified takes it all the same`,
  });
}
