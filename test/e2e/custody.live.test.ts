import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createLocalKeys } from "../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { custodyKey } from "../../shared/documents/layout.ts";
import { digestOf } from "../../shared/documents/signed-document.ts";
import { DirectoryBlobStore } from "../../shared/store/directory/directory-store.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { payloadOf, signedBy } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";

/** The custody log by the command, and by processes that write to it at once. */

const receiptSchema = z.object({ sequence: z.int(), digest: z.string() });

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test("eight processes that append at once to a folder: every record has its place, and the chain holds", async () => {
  const [root, keysFolder] = [join(folder.path, "vault"), join(folder.path, "keys")];
  await mkdir(root);
  const { publicKeys } = await createLocalKeys(keysFolder);
  const writer = fileURLToPath(new URL("../vault/custody/writer.ts", import.meta.url));
  const writers = Array.from({ length: 8 }, (_, number) =>
    execa(process.execPath, [writer, root, keysFolder, `writer-${number}`, "12"], { timeout: 100_000 }),
  );
  await Promise.all(writers.map((each) => new Promise((resolve) => void each.stdout.once("data", resolve))));
  for (const each of writers) each.stdin.end("go\n");
  const outcomes = await Promise.all(writers);
  const receipts = outcomes.map(({ stdout }) =>
    stdout
      .split("\n")
      .slice(1)
      .map((line) => receiptSchema.parse(JSON.parse(line))),
  );
  // Each wrote while others did, or there was nothing to try.
  expect(receipts.some((own) => own.some(({ sequence }, turn) => turn > 0 && sequence !== (own[turn - 1]?.sequence ?? 0) + 1))).toBe(true);
  expect(
    receipts
      .flat()
      .map(({ sequence }) => sequence)
      .toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: 96 }, (_, index) => index + 1));
  for (const { sequence, digest } of receipts.flat())
    expect(digestOf(await readFile(join(root, custodyKey("prod", sequence))))).toBe(digest);
  const blobs = new DirectoryBlobStore(root, () => Buffer.alloc(8));
  const trusted = { snapshot: [publicKeys.snapshot.fingerprint], audit: [], bundle: [] };
  expect(await verifyCustody({ blobs, trusted, clock: systemClock }, "prod", { onRecord: () => undefined })).toMatchObject({
    records: 96,
    findings: [],
    head: { sequence: 96 },
  });
});

describe("the command", () => {
  let cluster: EtcdCluster;
  let place: Place;
  let head: string;
  const record = (sequence: number): string => place.path(join("vault", custodyKey("prod", sequence)));

  beforeAll(async () => {
    cluster = await startCluster({ version: "3.6" });
    place = await newPlace(cluster, folder.path, "command");
    const backup = await place.here("backup", "prod");
    head = /^custody: +(2:sha256:[0-9a-f]{64})$/m.exec(backup.stdout)?.[1] ?? "";
  });
  afterAll(() => cluster.stop());

  /** Does something to one file, looks, and puts it back. */
  async function without<T>(path: string, change: (path: string) => Promise<void>, look: () => Promise<T>): Promise<T> {
    const bytes = await readFile(path);
    await change(path);
    try {
      return await look();
    } finally {
      await writeFile(path, bytes);
    }
  }

  test("a backup prints the head of the log, its manifest names it, and verify --deep prints the next", async () => {
    const [, digest] = head.split(/:(.*)/);
    expect(digestOf(await readFile(record(2)))).toBe(digest);
    expect((await place.here("show", "prod/latest")).stdout).toMatch(new RegExp(`^custody: +${head}$`, "m"));
    expect((await place.here("verify", "prod/latest", "--deep")).stdout).toMatch(/^custody: 3:sha256:[0-9a-f]{64}$/m);
    const json: unknown = JSON.parse((await place.here("verify", "prod/latest", "--deep", "--json")).stdout);
    expect(json).toMatchObject({ custody: { sequence: 4, digest: digestOf(await readFile(record(4))) } });
  });

  test("shows the log as a table and as JSON, from a time on where it is told", async () => {
    const { code, stdout, stderr } = await place.here("custody", "prod");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^RECORD +TIME +EVENT +BY +ACTOR +ABOUT +WHY\n1 +\S+ \S+Z +lineage-opened +snapshot +\S+@\S+ +lineage\/1\.json +first-backup\n2 .* backup +snapshot +\S+ +\w+Z\n3 .* verified +audit /,
    );
    const json: unknown = JSON.parse((await place.here("custody", "prod", "--json")).stdout);
    expect(json).toMatchObject({
      cluster: "prod",
      verification: null,
      records: [
        { sequence: 1, event: "lineage-opened", details: { reason: "first-backup" } },
        { sequence: 2, purpose: "snapshot" },
        {},
        {},
      ],
    });
    expect(await place.here("custody", "prod", "--since", "2100-01-01")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: saying("there is no record of prod since that time"),
    });
    // It said that the log held, so a name that was mistyped looked well.
    for (const flags of [[], ["--verify"]])
      expect(await place.here("custody", "staging", ...flags)).toMatchObject({
        code: 2,
        stdout: "",
        stderr: saying("cluster staging not found: "),
      });
  });

  test("holds the log against the store, and against a head that was kept elsewhere", async () => {
    const { code, stdout } = await place.here("custody", "prod", "--verify");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\nthe custody log of prod is intact: 4 records, compared with 4 documents \(manifests, countersignatures, lineages, acceptances, rewraps, pins, drills, catalog segments\)\nhead 4:sha256:[0-9a-f]{64}\n$/,
    );
    expect(await place.here("custody", "prod", "--head", head)).toMatchObject({ code: 0 });
    expect(await place.here("custody", "prod", "--verify", "--replica")).toMatchObject({
      code: 6,
      stderr: saying("warning: there is no copied log here"),
    });
    const cut = await without(record(4), rm, () => place.here("custody", "prod", "--head", `4:sha256:${"0".repeat(64)}`, "--json"));
    expect(cut.code).toBe(4);
    expect(JSON.parse(cut.stdout)).toMatchObject({
      verification: {
        holds: false,
        head: { sequence: 3 },
        findings: [{ code: "custody/truncated", fix: saying("find out who") }, { code: "custody/truncated" }],
      },
    });
  });

  test("has exit code 4 where the chain does not hold", async () => {
    const missing = await without(record(2), rm, () => place.here("custody", "prod", "--verify"));
    expect(missing).toMatchObject({
      code: 4,
      stdout: saying(
        "custody/missing: clusters/prod/custody/0000000/0000000002.json: record 2 is missing, but later ones are there\n  fix: find out who",
      ),
    });
    const flip = async (path: string): Promise<void> => writeFile(path, flipped(await readFile(path), 700));
    const altered = await without(
      record(2),
      flip,
      async () => [await place.here("custody", "prod", "--verify"), await place.here("custody", "prod")] as const,
    );
    expect(altered[0]).toMatchObject({ code: 4, stdout: saying("custody/altered: clusters/prod/custody/0000000/0000000002.json: ") });
    expect(altered[1]).toMatchObject({ code: 4, stdout: saying("custody/altered"), stderr: saying("lifeboat: warning: ") });
    expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
  });

  test("says what later versions wrote, and goes on: exit code 0", async () => {
    const keys = new LocalKeyRing(place.path("keys"));
    const records = (await readdir(dirname(record(1)))).length;
    const last = await readFile(record(records));
    const id = (await readdir(place.path("vault/clusters/prod/snapshots")))[0]?.replace(".json", "") ?? "";
    const signer = { purpose: "keeper" };
    const next = { ...(JSON.parse(payloadOf(last)) as object), sequence: records + 1, previous: digestOf(last), event: "weighed" };
    const note = { type: "note", formatVersion: 1, cluster: "prod", id };
    const later: readonly (readonly [string, Uint8Array])[] = [
      [record(records + 1), await signedBy(keys, "audit", next, "custody", { signer })],
      [place.path(`vault/clusters/prod/verified/${id}-note.json`), await signedBy(keys, "audit", note, "note")],
      [place.path(`vault/clusters/prod/pins/${id}-1.json`), await signedBy(keys, "audit", { ...note, type: "pin" }, "pin", { signer })],
    ];
    await mkdir(place.path("vault/clusters/prod/pins"));
    try {
      for (const [path, bytes] of later) await writeFile(path, bytes);
      const told = {
        code: 0,
        stderr: saying("is signed for the purpose keeper, which this version of lifeboat does not know; it is skipped"),
      };
      expect(await place.here("custody", "prod", "--verify")).toMatchObject(told);
      expect(await place.here("custody", "prod")).toMatchObject(told);
      expect(await place.here("ls")).toMatchObject({ code: 0 });
    } finally {
      for (const [path] of later) await rm(path, { force: true });
      await rm(place.path("vault/clusters/prod/pins"), { recursive: true });
    }
  });

  test("has exit code 6 where the chain holds and the store does not match it", async () => {
    const [manifest = ""] = await readdir(place.path("vault/clusters/prod/snapshots"));
    const gone = await without(place.path(`vault/clusters/prod/snapshots/${manifest}`), rm, () =>
      place.here("custody", "prod", "--verify"),
    );
    expect(gone).toMatchObject({ code: 6, stdout: saying(`custody/gone: clusters/prod/snapshots/${manifest}: record 2 announced it`) });
  });

  test.each([
    [["--head", "4"], '--head "4" does not name a record'],
    [["--head", `0:sha256:${"0".repeat(64)}`], "does not name a record"],
    [["--since", "yesterday"], '--since "yesterday" is not a UTC time'],
  ])("refuses %j", async (args, message) => {
    expect(await place.here("custody", "prod", ...args)).toMatchObject({ code: 2, stderr: saying(message) });
  });

  test("refuses what is no cluster's name", async () => {
    expect(await place.here("custody", "Prod/1")).toMatchObject({ code: 2, stderr: saying('"Prod/1" is not a cluster\'s name') });
  });
});
