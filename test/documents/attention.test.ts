import { expect, test } from "vitest";
import { attentionOf, dissentersOf, restoreWarnings } from "../../shared/documents/attention.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import type { Vote } from "../../shared/documents/proof.ts";

/** Of a manifest only what its proof and quarantine say matters here. */
function manifestWith(proof: Partial<Manifest["proof"]>, quarantine?: Manifest["quarantine"]): Manifest {
  const whole = { status: "proven", revision: 50, agreement: "quorum", voters: 3, needed: 2, members: [], ...proof };
  return { proof: whole, quarantine } as unknown as Manifest;
}

const agrees: Vote = { id: "a1", name: "m1", answer: "agrees", hash: 7, revision: 50, compactRevision: 1 };
const dissents: Vote = { ...agrees, id: "a2", name: "", answer: "dissents", hash: 8 };
const broken: Vote = { id: "a3", name: "m3", answer: "broken", reason: "its page tree is broken" };

test("a proven snapshot that all confirm needs nobody, and neither does one whose proof is turned off", () => {
  expect(attentionOf(manifestWith({ members: [agrees] }))).toEqual([]);
  expect(attentionOf(manifestWith({ status: "unproven", agreement: "off", reason: "agreement is off" }))).toEqual([]);
});

test("each thing that a person should see is a sentence, and a member without a name goes by its id", () => {
  const manifest = manifestWith(
    { status: "unproven", reason: "1 of 3 agrees", members: [agrees, dissents, broken] },
    { reasons: ["x", "y"] },
  );
  expect(attentionOf(manifest)).toEqual([
    "in quarantine: x; y",
    "unproven: 1 of 3 agrees",
    "a2 dissents: HashKV 8 at revision 50",
    "what m3 sent is broken: its page tree is broken",
  ]);
  expect(dissentersOf(manifest)).toEqual(["a2"]);
});

test("whoever restores a NOSPACE alarm is warned, and nobody of other alarms, or of none", () => {
  const holding = (...alarms: string[]): Manifest => {
    const content = { tree: "whole", alarms: alarms.map((alarm) => ({ memberId: "a7", alarm })) };
    return { cluster: "prod", id: "20261121T100000Z", content } as unknown as Manifest;
  };
  expect(restoreWarnings(holding("NOSPACE"))).toEqual([
    "prod/20261121T100000Z holds a NOSPACE alarm (of member a7): what is restored from it refuses every write until `etcdctl alarm disarm`",
  ]);
  for (const manifest of [holding(), holding("CORRUPT"), { content: { tree: "whole" } } as unknown as Manifest])
    expect(restoreWarnings(manifest)).toEqual([]);
});
