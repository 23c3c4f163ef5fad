import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BACKUP_STEPS } from "../../../shared/jobs/backup/backup.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { fill } from "../../etcd/support/fill.ts";
import { copyOf, growPlace } from "../../support/grown-place.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import type { Outcome } from "../../support/lifeboat.ts";
import { apartFromRecords, custodyIn, expectBackup, expectTruth, newPlace, orphansIn } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { signalled } from "../../support/signalled.ts";

/**
 * Ctrl-C and SIGTERM at every step of a backup, and while bytes move: a clean end within five seconds. `npm test` takes some of
 * the steps, and test/jobs/backup/interrupted.test.ts each of them without a process; `npm run test:exhaustive` each with both signals.
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

let small: EtcdCluster;
let large: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  [small, large] = await Promise.all([startCluster({ version: "3.6" }), startCluster({ version: "3.6" })]);
  folder = await temporaryFolder();
  await Promise.all([fill(small, 1), fill(large, 20)]);
});
afterAll(async () => {
  await Promise.all([small.stop(), large.stop()]);
  await folder.remove();
});

function expectCleanEnd({ code, stdout, stderr }: Outcome, signal: string): void {
  expect(`${code}: ${stderr}`).toMatch(/^130: /);
  expect(stdout).toBe("");
  expect(stderr).toContain(`lifeboat: interrupted by ${signal}\nlifeboat: hint: nothing half done is visible; run the command again\n`);
  expect(Number(/ended (\d+) ms after the signal/.exec(stderr)?.[1])).toBeLessThan(5000);
}

async function expectNoTrace(place: Place, step: string | undefined): Promise<void> {
  const left = apartFromRecords(await place.stored());
  // In the last steps the data is stored already, and a backup may not delete: prune sweeps it.
  const data = step === "custody" || step === "manifest" ? [expect.stringMatching(/^clusters\/prod\/data\//) as string] : [];
  expect(left).toEqual([...data, ...(step === "manifest" ? ["clusters/prod/lineage/1.json"] : [])]);
  expect(await orphansIn(place)).toEqual(left.filter((file) => file.includes("/data/")));
  // What was announced is explained, so the log has nothing to report. A lock that is free may be taken before the signal is heard.
  const { events, findings } = await custodyIn(place);
  expect(findings).toEqual([]);
  if (step === "lock") expect(events.filter((event) => event !== "failed")).toEqual([]);
  else expect(events).toEqual([...(step === "manifest" ? ["lineage-opened", "backup"] : []), "failed"]);
  expect(await expectTruth(place)).toEqual([]);
  expect(await readdir(place.path("etcd-lifeboat"))).toEqual([]);
  await expectBackup(place);
}

const SOME_STEPS = ["lock", "stream", "manifest"];

export function stopTests({ all }: { readonly all: boolean }): void {
  describe("a backup that is told to stop ends with 130, says so, and nothing of it is visible or left", () => {
    const expectStop = async (cluster: EtcdCluster, moment: string, step?: string, signals: readonly string[] = SIGNALS): Promise<void> => {
      const stop = async (signal: string): Promise<void> => {
        const place = await newPlace(cluster, folder.path, `${moment} ${signal}`);
        expectCleanEnd(await signalled(signal, moment, ["backup", "prod"], place.options), signal.split(" ")[0] ?? "");
        await expectNoTrace(place, step);
      };
      await Promise.all(signals.map(stop));
    };

    // The code's own list: in a step that is never begun nobody tells it to stop, and its test fails.
    test.each(all ? [...BACKUP_STEPS] : SOME_STEPS)("as the step %s begins", (step) => expectStop(small, `phase ${step}`, step));

    // A dropped session sends SIGHUP; a terminal and a wrapper both pass on one Ctrl-C.
    test("while data is being written", () =>
      expectStop(large, "written 1", undefined, all ? ["SIGTERM", "SIGHUP", "SIGINT SIGINT"] : ["SIGINT SIGINT"]));
  });

  test("a prune that is told to stop among many removals says so in a line, and the next run removes the rest", async () => {
    const grown = await growPlace(join(folder.path, "grown"), { old: all ? 300 : 40 });
    expect(await lifeboat(["prune", "prod", "--order", "--although", "many"], { cwd: grown.cwd })).toMatchObject({ code: 0 });
    const stop = async (signal: string, moment: string): Promise<void> => {
      const { cwd, ids } = await copyOf(grown, join(folder.path, `prune ${signal}`));
      const snapshots = async (): Promise<number> => (await readdir(join(cwd, "vault/clusters/prod/snapshots"))).length;
      expectCleanEnd(await signalled(signal, moment, ["prune", "prod", "--execute"], { cwd }), signal);
      const left = await snapshots();
      expect(left).toBeGreaterThan(3);
      expect(left).toBeLessThan(ids.length);
      // What is shown is whole, and what went was ordered.
      expect(await lifeboat(["custody", "prod", "--verify"], { cwd })).toMatchObject({ code: 0 });
      const next = await lifeboat(["prune", "prod", "--execute", "--json"], { cwd });
      expect(`${next.code} ${next.stderr}`).toBe("0 ");
      expect(await snapshots()).toBe(3);
      for (const name of ["data", "verified"]) expect(await readdir(join(cwd, "vault/clusters/prod", name))).toHaveLength(3);
    };
    await Promise.all([stop("SIGINT", "phase data 20"), ...(all ? [stop("SIGTERM", "phase manifest 24")] : [])]);
  });

  test("verify and export that are told to stop leave no countersignature and no file", async () => {
    const place = await newPlace(large, folder.path, "readers");
    await expectBackup(place);
    const before = [await place.stored(), await readdir(place.options.cwd)];
    for (const signal of all ? ["SIGINT SIGTERM", "SIGHUP"] : ["SIGHUP"]) {
      for (const args of [
        ["verify", "prod/latest", "--deep"],
        ["export", "prod/latest", "--out", "out.db"],
      ])
        expectCleanEnd(await signalled(signal, "bytes 5000000", args, place.options), signal.split(" ")[0] ?? "");
    }
    expect([await place.stored(), await readdir(place.options.cwd)]).toEqual(before);
  });
}
