import { lastDrillOf } from "./rules/drills.ts";
import { newestGoodOf } from "./facts.ts";
import type { Line, ReadyFacts, Verdict } from "./facts.ts";
import { lossOf } from "./ready/loss.ts";
import type { Loss } from "./ready/loss.ts";
import {
  breakGlassLine,
  certificateLine,
  encryptionKeyLine,
  keyLine,
  nodeFileLine,
  programLine,
  recipientLine,
} from "./ready/place-lines.ts";
import { ageLine, custodyLine, dataLine, drillLine, goodLine, lineageLine, lockLine, replicaLine } from "./ready/snapshot-lines.ts";

/** Whether a cluster could be brought back now, how fast, and with what loss. */
export interface Judgement {
  readonly cluster: string;
  /** In ms since 1970. */
  readonly at: number;
  readonly verdict: Verdict;
  /** The newest good snapshot; undefined where there is none. */
  readonly id: string | undefined;
  readonly loss: Loss | undefined;
  /** How long the last drill that went well took; undefined where there was none. */
  readonly rtoMs: number | undefined;
  readonly lines: readonly Line[];
  /** What nobody asked for, and so says nothing: a sentence each, lower case, no full stop. */
  readonly notAsked: readonly string[];
}

/** Pure. What is not known is never ready: only when every line is a yes is a cluster `ready`, and where all but the age are, `ready with loss`. */
export function judge(facts: ReadyFacts): Judgement {
  const loss = lossOf(facts);
  const asked: readonly (readonly [Line | undefined, string])[] = [
    [goodLine(facts), ""],
    [ageLine(facts, loss), ""],
    [dataLine(facts), ""],
    [drillLine(facts), ""],
    [keyLine(facts), ""],
    [breakGlassLine(facts), ""],
    [recipientLine(facts), ""],
    [programLine(facts), ""],
    [lockLine(facts), "locks: store.lock is not configured"],
    [replicaLine(facts), "replicas: none is configured"],
    [certificateLine(facts), ""],
    [custodyLine(facts), ""],
    [lineageLine(facts), ""],
    [nodeFileLine(facts), "files of the nodes: this store keeps none"],
    [encryptionKeyLine(facts), "keys of an EncryptionConfiguration: this store keeps none"],
  ];
  const lines = asked.flatMap(([line]) => line ?? []);
  const drill = lastDrillOf(facts);
  return {
    cluster: facts.cluster,
    at: facts.now,
    verdict: verdictOf(lines),
    id: newestGoodOf(facts)?.id,
    loss,
    rtoMs: drill?.ok === true ? drill.tookMs : undefined,
    lines,
    notAsked: asked.flatMap(([line, why]) => (line === undefined ? [why] : [])),
  };
}

/** Of all lines together. */
export function verdictOf(lines: readonly Line[]): Verdict {
  const open = lines.filter(({ answer }) => answer !== "yes");
  if (open.length === 0) return "ready";
  return open.every(({ name, answer }) => name === "age" && answer === "no") ? "ready with loss" : "not ready";
}
