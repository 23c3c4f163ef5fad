import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KEEPER_STEPS } from "../../../shared/jobs/prune/keeper-steps.ts";
import { bundleKey, manifestKey, verifiedKey } from "../../../shared/documents/layout.ts";
import { digestOf, openDocument } from "../../../shared/documents/signed-document.ts";
import { startVersityGateway } from "../../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../../tools/lab/versitygw.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { openStore } from "../../store/s3/s3-under-test.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { signedBy } from "../../support/envelopes.ts";
import { copyOf, growPlace, putInto } from "../../support/grown-place.ts";
import type { GrownPlace } from "../../support/grown-place.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import type { Outcome } from "../../support/lifeboat.ts";
import { signalled } from "../../support/signalled.ts";
import { bytesAt } from "../../support/vaults.ts";

/** kill -9 of the real process at every step of the keeper, and at each record of an order: the next run ends the work. */

let folder: TemporaryFolder;
let grown: GrownPlace;
let gateway: VersityGateway;
beforeAll(async () => {
  folder = await temporaryFolder();
  [grown, gateway] = await Promise.all([growPlace(join(folder.path, "grown")), startVersityGateway()]);
  await addCountersignatures(grown);
  await addBundles(grown);
});
afterAll(async () => {
  await gateway.stop();
  await folder.remove();
});

/** So that an order takes two records: 200 countersignatures more of each snapshot that is to go. */
async function addCountersignatures({ cwd, vault, ids }: GrownPlace): Promise<void> {
  const modified = new Date(Date.now() - 2 * 86_400_000);
  for (const id of ids.slice(0, 3)) {
    const [key = ""] = await keysIn(vault.blobs, `clusters/prod/verified/${id}-`);
    const { signer: _, ...document } = openDocument("verification", bytesAt(vault, key), vault.trusted, key);
    for (let minute = 0; minute < 200; minute++) {
      const time = `20260101T${String(10 + Math.floor(minute / 60)).padStart(2, "0")}${String(minute % 60).padStart(2, "0")}00Z`;
      const at = verifiedKey("prod", id, time);
      expect(document.manifestDigest).toBe(digestOf(bytesAt(vault, manifestKey("prod", id))));
      const bytes = await signedBy(vault.keys, "audit", document, "verification");
      vault.blobs.objects.set(at, { bytes, modified });
      await writeFile(join(cwd, "vault", at), bytes, { mode: 0o600 });
      await utimes(join(cwd, "vault", at), modified, modified);
    }
  }
}

/** Files of bundles that were published of what is to go: the keeper looks at names and digests alone. */
async function addBundles({ cwd, vault, ids }: GrownPlace): Promise<void> {
  const modified = new Date(Date.now() - 2 * 86_400_000);
  for (const id of ids.slice(0, 3))
    for (const name of ["bundle.pub", "node-a.tar", "node-a.tar.sig"]) {
      const key = bundleKey("prod", id, "20260101T120000Z", name);
      const bytes = Buffer.from(`${name} of ${id}`);
      vault.blobs.objects.set(key, { bytes, modified });
      await mkdir(dirname(join(cwd, "vault", key)), { recursive: true, mode: 0o700 });
      await writeFile(join(cwd, "vault", key), bytes, { mode: 0o600 });
      await utimes(join(cwd, "vault", key), modified, modified);
    }
}

const filesIn = async (path: string): Promise<readonly string[]> =>
  (await readdir(path).catch(() => [])).toSorted((one, other) => one.localeCompare(other));
const PRUNE = ["prune", "prod", "--although", "many"] as const;

/** Everything that a person can look at says that the three newest are there, whole, and nothing else is. */
async function expectPruned({ cwd, ids }: GrownPlace): Promise<void> {
  const at = (name: string): string => join(cwd, "vault/clusters/prod", name);
  expect(await filesIn(at("snapshots"))).toEqual(ids.slice(3).map((id) => `${id}.json`));
  for (const name of ["data", "verified"]) expect(await filesIn(at(name))).toHaveLength(3);
  expect((await readdir(join(cwd, "vault/bundles"), { recursive: true, withFileTypes: true })).filter((each) => each.isFile())).toEqual([]);
  expect(await filesIn(join(cwd, "vault/.lifeboat/incoming"))).toEqual([]);
  expect(await lifeboatHere(["custody", "prod", "--verify"], { cwd })).toMatchObject({ code: 0 });
  const again = await lifeboatHere([...PRUNE, "--json"], { cwd });
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({
    remove: 0,
    leftovers: [],
    unclear: [],
    order: { outcome: "nothing" },
    execution: { removed: [] },
  });
}

/** What stands as a snapshot after a kill stands whole. */
async function expectWhole({ cwd }: GrownPlace): Promise<void> {
  for (const name of await filesIn(join(cwd, "vault/clusters/prod/snapshots")))
    expect(await lifeboatHere(["verify", `prod/${name.replace(".json", "")}`], { cwd })).toMatchObject({ code: 0 });
  expect(await lifeboatHere(["custody", "prod", "--verify"], { cwd })).toMatchObject({
    stdout: expect.not.stringContaining("custody/gone") as unknown,
  });
}

async function killed(place: GrownPlace, moment: string, args: readonly string[]): Promise<void> {
  const outcome: Outcome = await signalled("SIGKILL", moment, [...args, "--json"], { cwd: place.cwd });
  expect(outcome).toMatchObject({ code: undefined, signal: "SIGKILL", stdout: "" });
}

/** A place of its own, with an upload that nobody finished. */
async function newPlace(name: string): Promise<GrownPlace> {
  const place = await copyOf(grown, join(folder.path, name.replaceAll(" ", "-")));
  const incoming = join(place.cwd, "vault/.lifeboat/incoming");
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const file = join(incoming, "0123456789abcdef0123456789abcdef");
  await writeFile(file, "half of it", { mode: 0o600 });
  await utimes(file, new Date(0), new Date(0));
  return place;
}

/** A folder cannot lock anything: that step is killed on S3. */
const ON_DISK = KEEPER_STEPS.filter((step) => step !== "lock");
const REPEATED = ["manifest 2", "manifest 3", "bundle 2", "bundle 9", "sidecar 2", "sidecar 100", "sidecar 603", "data 2", "data 3"];

export function pruneKillTests({ all }: { readonly all: boolean }): void {
  // The code's own list: a step that is never begun is not hit, and its test fails.
  const moments = all ? [...ON_DISK, ...REPEATED] : ["sidecar 2"];
  test.each(moments)("kill -9 of the keeper at %s: what stands is whole, and the next run ends the work", async (moment) => {
    const place = await newPlace(`keeper ${moment}`);
    expect(await lifeboatHere([...PRUNE, "--order"], { cwd: place.cwd })).toMatchObject({ code: 0 });
    await killed(place, `phase ${moment}`, ["prune", "prod", "--execute"]);
    await expectWhole(place);
    const next = await lifeboatHere(["prune", "prod", "--execute"], { cwd: place.cwd });
    expect(`${next.code} ${next.stderr}`).toBe("0 ");
    await expectPruned(place);
  });

  test.each(all ? ON_DISK : ["data"])("kill -9 of both halves in one run at %s: the same command again ends the work", async (moment) => {
    const place = await newPlace(`both ${moment}`);
    await killed(place, `phase ${moment}`, PRUNE);
    await expectWhole(place);
    const next = await lifeboatHere(PRUNE, { cwd: place.cwd });
    expect(`${next.code} ${next.stderr}`).toBe("0 ");
    await expectPruned(place);
  });

  test.each(all ? [1, 2] : [2])(
    "kill -9 of --order before its signature %i: nothing of it is followed, and the next gives it whole",
    async (number) => {
      const place = await newPlace(`order ${number}`);
      await killed(place, `sign ${number}`, [...PRUNE, "--order"]);
      const half = await lifeboatHere(["prune", "prod", "--execute", "--json"], { cwd: place.cwd });
      expect(half.code).toBe(number === 2 ? 6 : 0);
      expect(JSON.parse(half.stdout)).toMatchObject({
        execution: { removed: [], orderRefused: number === 2 ? { code: "incomplete" } : null },
      });
      expect(await lifeboatHere(PRUNE, { cwd: place.cwd })).toMatchObject({ code: 0 });
      await expectPruned(place);
    },
  );

  test("there is no third signature: each record of an order was hit", async () => {
    const place = await newPlace("order 3");
    const outcome = await signalled("SIGKILL", "sign 3", [...PRUNE, "--order", "--json"], { cwd: place.cwd });
    expect(outcome).toMatchObject({ code: 0 });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ order: { outcome: "ordered", records: [{}, {}] } });
  });

  describe("in a bucket with Object Lock", () => {
    test.each(all ? ["lock", "lock 5", "data 2"] : ["lock"])("kill -9 at %s: the next run ends the work", async (moment) => {
      const place = await newPlace(`s3 ${moment}`);
      const bucket = await gateway.makeBucket({ lock: true });
      const { store, close } = openStore(gateway, bucket);
      // Six hundred more would take a minute, and show nothing.
      await putInto(store, place, "-20260101T");
      const file = join(place.cwd, "lifeboat.yaml");
      const text = await readFile(file, "utf8");
      const settings = `{ kind: s3, bucket: ${bucket}, region: ${gateway.region}, endpoint: "${gateway.endpoint}", pathStyle: true, lock: { mode: governance, days: 1, keptDays: 30 } }`;
      await writeFile(file, text.replace(/^store:\n(?: .*\n)+/m, `store: ${settings}\n`));
      const options = { cwd: place.cwd, env: gateway.environment };
      expect(await lifeboat([...PRUNE, "--order"], options)).toMatchObject({ code: 0 });
      const outcome = await signalled("SIGKILL", `phase ${moment}`, ["prune", "prod", "--execute", "--json"], options);
      expect(outcome).toMatchObject({ signal: "SIGKILL", stdout: "" });
      const next = await lifeboat(["prune", "prod", "--execute", "--json"], options);
      if (moment === "data 2") {
        // Put a moment ago, what has no manifest may belong to a backup that runs: it goes a day later.
        expect(next.code).toBe(6);
      } else expect(`${next.code} ${next.stderr}`).toBe("0 ");
      expect(await keysIn(store, "clusters/prod/snapshots/")).toEqual(place.ids.slice(3).map((id) => `clusters/prod/snapshots/${id}.json`));
      for (const key of await keysIn(store, "clusters/prod/snapshots/"))
        expect((await store.lockOf(key))?.until?.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
      expect(await lifeboat(["custody", "prod", "--verify"], options)).toMatchObject({ code: 0 });
      close();
    });
  });
}
