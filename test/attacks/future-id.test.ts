import { describe, expect, test } from "vitest";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { exportSnapshot } from "../../shared/jobs/inspect/export.ts";
import { listSnapshots } from "../../shared/jobs/list.ts";
import { resolveRef } from "../../shared/vault/ref.ts";
import { resolveToRestore } from "../../shared/vault/restore-ref.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { collect, failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, CLUSTER, countersignAs } from "../support/vaults.ts";

/**
 * W, who has the writer's role, commits a snapshot whose id is in the year 9999: sealed and signed as any other, logged, and with whatever content W likes. Before, `latest` named it
 * for ever, `export` handed it out without a word, and every backup complained of its own clock.
 */
const FAR = "99991231T235959Z";
const GOOD = "20261121T100000Z";
const NEWEST = "20261121T110000Z";

const { vault } = useBuiltVault(async (first) => {
  await backUp(first);
  await verifyDeep(first, `prod/${GOOD}`);
  first.clock.advance(3_600_000);
  await backUp(first);
  first.clock.advance(60_000);
  const { manifest } = await backUp({ ...first, clock: new ManualClock("9999-12-31T23:59:59Z") });
  expect(manifest.id).toBe(FAR);
  return {};
});

const handOut = (ref: string, unverified = false): ReturnType<typeof exportSnapshot> =>
  exportSnapshot(vault, { ref, unverified, write: async (bytes) => void (await collect(bytes)) });

describe("a snapshot of the year 9999", () => {
  test("is not the latest, nor that of any time", async () => {
    for (const ref of ["prod/latest", "prod@2026-12-01", "prod@9999-12-31T23:59:59Z"])
      expect((await resolveRef(vault, ref)).manifest.id).toBe(NEWEST);
  });

  test("is not handed out, also where somebody had it countersigned", async () => {
    expect((await handOut("prod/good")).manifest.id).toBe(GOOD);
    expect(await failureOf(handOut("prod/latest"))).toMatchObject({
      code: "ref/not-good",
      message: saying(NEWEST),
      hint: saying(`prod/${GOOD}`),
    });
    // The verifier refuses it; it is countersigned as by an earlier version.
    expect(await failureOf(verifyDeep(vault, `prod/${FAR}`))).toMatchObject({ code: "verify/times" });
    await countersignAs(vault, FAR, GOOD);
    const given = await handOut("prod/good");
    expect(given).toMatchObject({ manifest: { id: GOOD }, passedOver: [{ id: FAR, reason: saying("in the future") }] });
    expect((await handOut("prod@9999-12-31T23:59:59Z")).manifest.id).toBe(GOOD);
    expect(await failureOf(handOut(`prod/${FAR}`))).toMatchObject({
      code: "ref/not-good",
      message: saying("in the future"),
      hint: saying(`prod/${GOOD}`),
    });
  });

  test("is given by its id to whoever insists, with what is wrong with it", async () => {
    const { lacks } = await handOut(`prod/${FAR}`, true);
    expect(lacks.map(({ code }) => code)).toEqual(["future", "not-countersigned"]);
    expect(await resolveToRestore(vault, `prod/${FAR}`, { unverified: true })).toMatchObject({ manifest: { id: FAR } });
  });

  test("does not make a backup complain of its own clock, and is told of as what it is", async () => {
    vault.progress.warnings.length = 0;
    await backUp(vault);
    expect(vault.progress.warnings).toEqual([`the id of prod/${FAR} is in the future: it is never the latest; find out who wrote it`]);
  });

  test("is a finding of ls and of custody --verify", async () => {
    const { snapshots } = await listSnapshots(vault, CLUSTER);
    expect(snapshots.find(({ id }) => id === FAR)).toMatchObject({ lacks: [{ code: "future" }, { code: "not-countersigned" }] });
    const { findings } = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
    expect(findings).toMatchObject([{ code: "custody/future", subject: manifestKey(CLUSTER, FAR) }]);
  });
});
