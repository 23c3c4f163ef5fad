import { describe, expect, test } from "vitest";
import { measure, outcomeOf } from "../../functions/outcome.ts";
import type { Measured } from "../../functions/metrics.ts";
import type { BackupOutcome } from "../../shared/contract/outcomes.ts";
import { verifyDeep, verifyShallow } from "../../shared/jobs/verify/verify.ts";
import { ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import { failureOf, keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { randomSnapshot } from "../support/snapshots.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, custodyOf, oneMember, RPO_MS } from "../support/vaults.ts";
import { claimSlot } from "./thief.ts";

/** A stolen writer signs manifests for coming slots, so that each run finds its slot taken. The clock begins at 10:00 on 21 November. */

const HOUR_MS = 3_600_000;
const EXECUTION = "arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod:8f1e";

const { vault, built } = useBuiltVault(async (first) => {
  const bytes = randomSnapshot(3000);
  const etcd = new ScriptedEtcd([{ number: 1, snapshots: [[{ send: bytes }]] }]);
  const { manifest } = await backUp(first, { slot: "2026-11-21T10:00:00Z", etcd });
  return { bytes, real: manifest };
});

/** A run of the service in the slot of now, and what CloudWatch is told of it. */
async function run(execution = EXECUTION): Promise<{ readonly outcome: BackupOutcome; readonly measured: Measured }> {
  const result = await backUp(vault, { slot: vault.clock.now().toISOString(), etcd: oneMember(), execution });
  const outcome = outcomeOf(result);
  return { outcome, measured: measure(outcome, result, vault.clock.now(), RPO_MS) };
}

describe("a slot that was claimed ahead", () => {
  test("is another run's, counts as no backup, and needs a person: silence is told", async () => {
    for (const at of ["2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"]) await claimSlot(vault, { ...built, at });
    for (const hour of ["11", "12", "13"]) {
      vault.clock.advance(HOUR_MS);
      const { outcome, measured } = await run();
      expect(outcome).toMatchObject({ id: `20261121T${hour}0000Z`, existing: true, committedBy: "another-run", needsAttention: true });
      expect(outcome.findings).toEqual([
        saying(
          `prod/20261121T${hour}0000Z was already in the slot of this run, which took no snapshot, and its times are impossible: the store has it since 2026-11-21T10:00:00.000Z`,
        ),
      ]);
      expect(measured).toMatchObject({ backupCommitted: 0, backupProven: 0 });
    }
  });

  test("with times of the day on which it was claimed was begun before its slot", async () => {
    const says = { startedAt: "2026-11-21T10:00:00.000Z", createdAt: "2026-11-21T10:00:00.000Z" };
    await claimSlot(vault, { ...built, at: "2026-11-21T11:00:00Z", says });
    vault.clock.advance(HOUR_MS);
    const { outcome, measured } = await run();
    expect(outcome.findings).toEqual([saying("it was begun at 2026-11-21T10:00:00.000Z, before its slot, 2026-11-21T11:00:00.000Z")]);
    expect(measured.backupCommitted).toBe(0);
  });

  test("in the very minute of the run, with times that can be, counts as no backup all the same", async () => {
    vault.clock.advance(HOUR_MS);
    await claimSlot(vault, { real: built.real, bytes: randomSnapshot(3000), at: "2026-11-21T11:00:00Z" });
    const { outcome, measured } = await run();
    expect(outcome).toMatchObject({ existing: true, committedBy: "another-run", needsAttention: false, findings: [] });
    expect(measured).toMatchObject({ backupCommitted: 0, backupProven: 0 });
  });

  test("under the name of an execution that was, is not taken for this one's", async () => {
    vault.clock.advance(HOUR_MS);
    await claimSlot(vault, { ...built, at: "2026-11-21T11:00:00Z", says: { run: { execution: EXECUTION } } });
    expect((await run(`${EXECUTION}2`)).outcome.committedBy).toBe("another-run");
  });

  test("is no recent backup where it says that it was made later than now, whoever asks", async () => {
    await claimSlot(vault, {
      ...built,
      at: "2026-11-21T10:10:00Z",
      says: { createdAt: "2026-11-22T10:00:00.000Z", run: { execution: EXECUTION } },
    });
    vault.clock.advance(600_000);
    const { outcome, measured } = await run();
    expect(outcome).toMatchObject({ committedBy: "this-run", needsAttention: true });
    expect(measured.backupCommitted).toBe(0);
  });

  test("is refused by the verifier, before and after its time, and the log is told", async () => {
    const id = await claimSlot(vault, { ...built, at: "2026-11-21T12:00:00Z" });
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject({
      code: "verify/times",
      message: saying(
        `the times of prod/${id} are impossible: it stands for 2026-11-21T12:00:00.000Z, which is in the future; it was begun at`,
      ),
      hint: saying("find out who can sign with the snapshot key"),
    });
    vault.clock.advance(3 * HOUR_MS);
    const refusal = {
      code: "verify/times",
      message: saying("the store has it since 2026-11-21T10:00:00.000Z, before the time at which its manifest says it was made"),
    };
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject(refusal);
    expect(await failureOf(verifyShallow(vault, `prod/${id}`))).toMatchObject(refusal);
    expect(await keysIn(vault.blobs, "clusters/prod/verified/")).toEqual([]);
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "failed", details: { code: "verify/times" } });
  });
});

describe("a manifest that is dated back", () => {
  test("is refused by the verifier: the store has it from later", async () => {
    vault.clock.advance(3 * HOUR_MS);
    const id = await claimSlot(vault, { real: built.real, bytes: randomSnapshot(3000), at: "2026-11-21T11:00:00Z" });
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject({
      code: "verify/times",
      message: saying(
        "the store has it since 2026-11-21T13:00:00.000Z, and its manifest says it was made long before, at 2026-11-21T11:00:00.000Z",
      ),
    });
  });

  test("but one that was countersigned in time stays good in a store that was moved since", async () => {
    await verifyDeep(vault, `prod/${built.real.id}`);
    vault.clock.advance(30 * 24 * HOUR_MS);
    for (const [key, { bytes: kept }] of vault.blobs.objects) vault.blobs.objects.set(key, { bytes: kept, modified: vault.clock.now() });
    expect((await verifyDeep(vault, `prod/${built.real.id}`)).checks).toContain("times");
    expect((await backUp(vault, { slot: "2026-11-21T10:00:00Z" })).doubts).toEqual([]);
  });
});

describe("what legitimate runs find", () => {
  test("a retry finds the snapshot of its own execution, and counts it", async () => {
    vault.clock.advance(HOUR_MS);
    expect((await run()).outcome).toMatchObject({ existing: false, committedBy: "this-run" });
    vault.clock.advance(60_000);
    const again = await backUp(vault, { slot: "2026-11-21T11:00:00Z", execution: EXECUTION });
    const outcome = outcomeOf(again);
    expect(outcome).toMatchObject({ existing: true, committedBy: "this-run", needsAttention: false });
    expect(measure(outcome, again, vault.clock.now(), RPO_MS)).toMatchObject({ backupCommitted: 1, backupProven: 1 });
  });

  test("a start that is delivered twice counts once, and needs nobody", async () => {
    vault.clock.advance(HOUR_MS);
    const [one, other] = await Promise.all([run("first"), run("second")]);
    const outcomes = [one, other].toSorted((a, b) => Number(a.outcome.existing) - Number(b.outcome.existing));
    expect(outcomes).toMatchObject([
      { outcome: { existing: false, committedBy: "this-run", needsAttention: false }, measured: { backupCommitted: 1 } },
      { outcome: { existing: true, committedBy: "another-run", needsAttention: false }, measured: { backupCommitted: 0 } },
    ]);
    await verifyDeep(vault, "prod/20261121T110000Z");
    await verifyDeep(vault, "prod/20261121T110000Z");
  });

  test("a second run by hand names no execution, and has no doubts", async () => {
    vault.clock.advance(HOUR_MS);
    const first = await backUp(vault, { slot: "2026-11-21T11:00:00Z" });
    expect(first.manifest).not.toHaveProperty("run");
    vault.clock.advance(6 * HOUR_MS);
    expect(await backUp(vault, { slot: "2026-11-21T11:00:00Z" })).toMatchObject({ existing: true, committedBy: "another-run", doubts: [] });
  });
});
