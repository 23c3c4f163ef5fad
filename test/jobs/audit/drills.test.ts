import { expect, test } from "vitest";
import { drillKey } from "../../../shared/documents/layout.ts";
import { FORMAT_VERSION } from "../../../shared/documents/parts.ts";
import { idOfSlot } from "../../../shared/documents/slot.ts";
import type { DocumentOf } from "../../../shared/documents/signed-document.ts";
import { checkDrills, drillHistory } from "../../../shared/jobs/audit/drills.ts";
import { checkDrillsOf } from "../../../shared/jobs/doctor/check-drills.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { subjectOf } from "../../../shared/vault/catalog.ts";
import { Custodian } from "../../../shared/vault/custody/custodian.ts";
import { publish } from "../../../shared/vault/publish.ts";
import { TOOL } from "../../../shared/version.ts";
import type { UnknownValue } from "../../../shared/unknown-values.ts";
import { saying } from "../../support/matchers.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, plant } from "../../support/vaults.ts";

const ID = "20261121T100000Z";
const DAY_MS = 86_400_000;
const { signal } = new AbortController();
const { vault, built } = useBuiltVault(async (building) => ({ found: await backUp(building, { slot: "2026-11-21T10:00:00Z" }) }));

/** As `lifeboat drill` leaves it; the key. */
async function drilled(outcome: DocumentOf<"drill">["outcome"]): Promise<string> {
  const { manifest, manifestDigest: digest } = built.found;
  const at = vault.clock.now();
  const { key } = await publish(vault, new Custodian(vault, CLUSTER, "audit"), {
    kind: "drill",
    place: drillKey(CLUSTER, ID, idOfSlot(at)),
    event: "drill",
    about: [subjectOf({ manifest, digest })],
    draft: (custody) => ({
      type: "drill",
      formatVersion: FORMAT_VERSION,
      cluster: CLUSTER,
      id: ID,
      manifestDigest: digest,
      drilledAt: at.toISOString(),
      outcome,
      ...(outcome === "failed" ? { failure: { step: "hash", code: "verify/content", message: "it is another" } } : {}),
      steps: ["bundle", "unpack", "check", "restore", "apply", "apply: restore", "compare", "wipe"].map((name, index) => ({
        name,
        ms: 10 ** index,
      })),
      tool: TOOL,
      custody,
    }),
    onTaken: () => Promise.reject(new Error("taken")),
  });
  return key;
}

const check = (everyMs: number | undefined = 7 * DAY_MS) => checkDrills(vault, CLUSTER, everyMs);
const codes = async (everyMs?: number): Promise<readonly string[]> => (await check(everyMs)).findings.map(({ code }) => code);

test("nothing is asked for and nothing read where the configuration asks for no drills", async () => {
  vault.blobs.calls.list = 0;
  expect(await checkDrills(vault, CLUSTER, undefined)).toEqual({ last: undefined, findings: [] });
  expect(vault.blobs.calls.list).toBe(0);
});

test("one that never was is a finding, with what to do", async () => {
  expect((await check()).findings).toMatchObject([
    { code: "drill/never", fix: saying("lifeboat drill prod/good"), runbook: "A drill is overdue or failed" },
  ]);
});

test("the last one counts: overdue a quarter of the period after it was due, and failed whenever it was", async () => {
  await drilled("passed");
  expect(await codes()).toEqual([]);
  vault.clock.advance(8 * DAY_MS);
  expect(await codes()).toEqual([]);
  vault.clock.advance(DAY_MS);
  expect(await codes()).toEqual(["drill/overdue"]);
  await drilled("failed");
  expect((await check()).findings).toMatchObject([
    { code: "drill/failed", subject: `${CLUSTER}/${ID}`, evidence: [saying("hash: it is another")] },
  ]);
  vault.clock.advance(1000);
  await drilled("passed");
  expect(await codes()).toEqual([]);
});

test("an outcome of a later version says nothing, and neither does what is not believed or lies elsewhere", async () => {
  await drilled("passed");
  vault.clock.advance(9 * DAY_MS);
  const partly = await drilled("partly" as UnknownValue);
  plant(vault, drillKey(CLUSTER, ID, "20261201T000000Z"), "{");
  plant(vault, drillKey(CLUSTER, "20261121T110000Z", "20261202T000000Z"), bytesAt(vault, partly));
  expect(await codes()).toEqual(["drill/overdue"]);
  const { drills, bad } = await drillHistory(vault, CLUSTER);
  expect(drills).toHaveLength(1);
  expect(bad.map(({ key }) => key)).toEqual([
    drillKey(CLUSTER, ID, "20261201T000000Z"),
    drillKey(CLUSTER, "20261121T110000Z", "20261202T000000Z"),
  ]);
});

test("how long a restore takes is of the steps that a node has", async () => {
  await drilled("passed");
  const { drills } = await drillHistory(vault, CLUSTER);
  expect(drills).toMatchObject([{ id: ID, ok: true, tookMs: 1 + 10 + 100 + 10_000 + 100_000 }]);
  expect(drills[0]?.steps).toHaveLength(8);
});

test("only the newest are read, however many there are", async () => {
  for (let index = 0; index < 12; index++) {
    await drilled("passed");
    vault.clock.advance(1000);
  }
  vault.blobs.calls.get = 0;
  await check();
  expect(vault.blobs.calls.get).toBe(8);
});

test("doctor tells of each cluster, and of a store that cannot be opened", async () => {
  const asked = [
    { cluster: CLUSTER, everyMs: 7 * DAY_MS },
    { cluster: "other", everyMs: undefined },
  ];
  expect(await checkDrillsOf(() => Promise.resolve(vault), asked, signal)).toMatchObject([
    {
      cluster: CLUSTER,
      findings: [{ code: "drill-never", severity: "warning", fix: saying('docs/runbook.md, "A drill is overdue or failed"') }],
    },
    { cluster: "other", findings: [] },
  ]);
  const closed = (): Promise<never> => Promise.reject(new LifeboatError("store/denied", "no"));
  expect(await checkDrillsOf(closed, asked, signal)).toMatchObject([{ findings: [{ code: "not-checked" }] }, { findings: [] }]);
});
