import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../shared/system-clock.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { FileLock } from "../../../shared/host/files/file-lock.ts";
import type { HostLock } from "../../../shared/host/host-lock.ts";
import { BACKUP_STEPS } from "../../../shared/jobs/backup/backup.ts";
import { RecordedProgress } from "../../doubles/recorded-progress.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { apartFromCustody, backUp, oneMember, visible } from "../../support/vaults.ts";

const { keys, vault } = useVault();

async function expectTheNextOneWorks(): Promise<void> {
  const next = { ...vault, progress: new RecordedProgress() };
  await backUp(next);
  expect(next.progress.infos).toEqual([]);
  expect(await visible(vault)).toHaveLength(1);
}

// By the code's own list: a step that is not reached fails its test.
test.each([...BACKUP_STEPS])("a signal in step %s ends the backup, and nothing is visible", async (step) => {
  const controller = new AbortController();
  const progress = new RecordedProgress((name) => {
    if (name === step) controller.abort(new LifeboatError("interrupted", "interrupted by SIGINT"));
  });
  const failure = await failureOf(backUp({ ...vault, progress }, { signal: controller.signal }));
  expect(controller.signal.aborted).toBe(true);
  expect(failure).toMatchObject({ code: "interrupted" });
  expect(progress.phases.at(-1)).toBe(BACKUP_STEPS[Math.max(BACKUP_STEPS.indexOf(step), BACKUP_STEPS.indexOf(stopsAt(step)))]);
  expect(await visible(vault)).toEqual([]);
  // Before the decision to keep it, not even data is there.
  if (step !== "custody" && step !== "manifest") expect(apartFromCustody(vault)).toEqual([]);
  await expectTheNextOneWorks();
});

/** Short steps that only ask the store run to their end; the next one that waits for something hears the signal. */
function stopsAt(step: (typeof BACKUP_STEPS)[number]): (typeof BACKUP_STEPS)[number] {
  return step === "slot" ? "preflight" : step;
}

test("a plain abort without a reason is an interruption as well, in every step", async () => {
  for (const step of BACKUP_STEPS) {
    const controller = new AbortController();
    const progress = new RecordedProgress((name) => {
      if (name === step) controller.abort();
    });
    expect(await failureOf(backUp({ ...vault, progress }, { signal: controller.signal })), step).toMatchObject({ code: "interrupted" });
  }
  expect(await visible(vault)).toEqual([]);
});

test("a signal while the member is silent ends it, and no other member is asked", async () => {
  const controller = new AbortController();
  const etcd = new ScriptedEtcd([{ number: 1 }, { number: 2, snapshots: [[{ send: randomSnapshot(5_000_000) }, { hang: true }]] }]);
  const failure = failureOf(backUp(vault, { etcd, signal: controller.signal }));
  await etcd.hangs;
  controller.abort();
  expect(await failure).toMatchObject({ code: "interrupted" });
  expect(etcd.streamed).toEqual(["https://m2:2379"]);
  expect(apartFromCustody(vault)).toEqual([]);
  await expectTheNextOneWorks();
});

test("a signal while the store is slow ends it", async () => {
  const controller = new AbortController();
  vault.blobs.inject({ call: "put", key: /data/, fault: { kind: "delay", ms: 60_000 } });
  const failure = failureOf(backUp(vault, { signal: controller.signal }));
  await expect.poll(() => vault.clock.waiting, { timeout: 10_000 }).toBe(1);
  controller.abort();
  expect(await failure).toMatchObject({ code: "interrupted" });
  expect(vault.clock.waiting).toBe(0);
  expect(apartFromCustody(vault)).toEqual([]);
});

test.each(["lineage", "custody", "snapshots"])(
  "a signal while the store is slow to take an object of %s ends it, and nothing is visible",
  async (object) => {
    const controller = new AbortController();
    vault.blobs.inject({ call: "put", key: new RegExp(`/${object}/`), fault: { kind: "delay", ms: 60_000 } });
    const failure = failureOf(backUp(vault, { signal: controller.signal }));
    await expect.poll(() => vault.clock.waiting, { timeout: 10_000 }).toBe(1);
    controller.abort();
    expect(await failure).toMatchObject({ code: "interrupted" });
    expect(await visible(vault)).toEqual([]);
    await expectTheNextOneWorks();
  },
);

test("a signal that comes when the store has taken the manifest comes too late: what is there decides", async () => {
  const put = vault.blobs.put.bind(vault.blobs);
  vault.blobs.put = async (key, body, options) => {
    const info = await put(key, body, options);
    if (key.includes("/snapshots/")) throw new LifeboatError("interrupted", "the answer was not waited for");
    return info;
  };
  const { existing, manifest } = await backUp(vault);
  expect(existing).toBe(false);
  expect(await visible(vault)).toEqual([`clusters/prod/snapshots/${manifest.id}.json`]);
});

test("a signal while another backup runs ends the waiting, and leaves the other alone", async () => {
  const controller = new AbortController();
  const stop = new AbortController();
  const hanging = new ScriptedEtcd([{ number: 1, snapshots: [[{ hang: true }]] }]);
  const first = failureOf(backUp(vault, { etcd: hanging, signal: stop.signal }));
  await hanging.hangs;
  const etcd = oneMember();
  const second = failureOf(backUp(vault, { etcd, signal: controller.signal }));
  await expect.poll(() => vault.progress.infos, { timeout: 10_000 }).toHaveLength(1);
  controller.abort();
  expect(await second).toMatchObject({ code: "interrupted" });
  expect(etcd.asked).toEqual([]);
  stop.abort();
  expect(await first).toMatchObject({ code: "interrupted" });
  await expectTheNextOneWorks();
});

test("another backup that does not end in time makes this one busy", async () => {
  const lock = new FileLock(join(keys.folder, "other-locks"), systemClock);
  const stop = new AbortController();
  const hanging = new ScriptedEtcd([{ number: 1, snapshots: [[{ hang: true }]] }]);
  const first = failureOf(backUp({ ...vault, lock }, { etcd: hanging, signal: stop.signal }));
  await hanging.hangs;
  const impatient: HostLock = { acquire: (name, options) => lock.acquire(name, { ...options, timeoutMs: 0 }) };
  expect(await failureOf(backUp({ ...vault, lock: impatient }))).toMatchObject({
    code: "busy",
    retryable: true,
    hint: saying(`process ${process.pid}`),
  });
  stop.abort();
  await first;
});
