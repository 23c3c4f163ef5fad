import { copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openClient } from "../../tools/lab/connection.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import { ETCD_VERSIONS, etcdPrograms, requireEtcd } from "../../tools/lab/etcd-programs.ts";
import { fillWithKubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { runProgram } from "../../tools/lab/run-program.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { work } from "../snapshot/support/workload.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import { lifeboat } from "../support/lifeboat.ts";
import type { LifeboatOptions } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";
import { requireProgram, skipWithout } from "../support/programs.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { asSent, flipped } from "../support/snapshots.ts";

/** The command in processes of its own, on real snapshots and on whatever else people name. */

const count = z.int().nonnegative();
const tally = { keys: z.object({ revisions: count, live: count }), bytes: count, liveBytes: count };
/** The contract of docs/cli.md for a whole snapshot. */
const statusSchema = z.strictObject({
  name: z.string(),
  bytes: count,
  trailer: z.enum(["ok", "wrong", "missing"]),
  tree: z.literal("whole"),
  finding: z.null(),
  hash: count,
  revision: count,
  size: count,
  sizeInUse: count,
  sizeFree: count,
  version: z.string().nullable(),
  keys: z.strictObject({ revisions: count, live: count }),
  hashKv: z.strictObject({ hash: count, revision: count, compactRevision: z.int(), unavailable: z.null() }),
  buckets: z.array(z.strictObject({ name: z.string(), keys: count, bytes: count })),
  compaction: z.strictObject({ finished: count.nullable(), scheduled: count.nullable() }),
  pageSize: z.literal(4096),
  validMetaPages: z.literal(2),
  consistentIndex: count,
  // etcd 3.4 does not store it.
  term: count.nullable(),
  clusterVersion: z.string().nullable(),
  auth: z.boolean(),
  members: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      peerUrls: z.array(z.string()),
      clientUrls: z.array(z.string()),
      isLearner: z.boolean(),
    }),
  ),
  removedMembers: z.array(z.string()),
  alarms: z.array(z.strictObject({ memberId: z.string(), alarm: z.string() })),
  encryption: z.array(z.strictObject({ provider: z.string(), keyName: z.string(), revisions: count, live: count })),
  resources: z.array(z.strictObject({ resource: z.string().nullable(), ...tally })),
  prefixes: z.array(z.strictObject({ prefix: z.string(), ...tally })).max(15),
  prefixesShortened: z.literal(false),
  largestObjects: z.array(z.strictObject({ key: z.string(), bytes: count, valueBytes: count, modRevision: count })).max(10),
  hotKeys: z.array(z.strictObject({ key: z.string(), revisions: count, modRevision: count, deleted: z.boolean() })).max(10),
});

describe.each(ETCD_VERSIONS)("a snapshot of etcd %s", (version) => {
  test.skipIf(skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined))(
    "is told as etcdutl 3.5, 3.6 and 3.7 tell it, with HashKV as the member has it and what etcd itself counts",
    async () => {
      await using cluster = await startCluster({ version });
      await work(cluster, { rounds: 100, random: new SeededRandom(20261121) });
      const path = join(cluster.folder, "a snapshot of any name");
      await cluster.etcdctl(["snapshot", "save", path]);
      // Nothing of a configuration is here.
      const status = statusSchema.parse(await lifeboatJsonHere(["status", "a snapshot of any name"], { cwd: cluster.folder }));
      const totalKeys = { "3.5": sum(status.buckets.map(({ keys }) => keys)), "3.6": status.keys.live, "3.7": status.keys.live };
      for (const minor of ["3.5", "3.6", "3.7"] as const) {
        const told: unknown = JSON.parse(
          await runProgram(requireEtcd(minor).etcdutl, ["snapshot", "status", path, "-w", "json"], { env: { PATH: process.env["PATH"] } }),
        );
        expect(told).toMatchObject({
          hash: status.hash,
          revision: status.revision,
          totalKey: totalKeys[minor],
          totalSize: status.size,
          ...(minor === "3.5" ? {} : { version: status.version ?? "" }),
        });
      }
      expect(status).toMatchObject({
        trailer: "ok",
        bytes: status.size + 32,
        sizeFree: status.size - status.sizeInUse,
        auth: false,
        alarms: [],
      });
      expect(status.members).toHaveLength(1);

      const printed: unknown = JSON.parse(await cluster.etcdctl(["endpoint", "hashkv", "-w", "json"]));
      const { hash, revision, compactRevision } = status.hashKv;
      // etcd 3.4 answers a lower compact revision until it has compacted: only equal ones can be compared, as here.
      expect(printed).toMatchObject([{ HashKV: { hash, compact_revision: compactRevision, header: { revision } } }]);

      const client = openClient(cluster.connection);
      try {
        const { kvs } = await client.getAll().exec();
        expect(status.keys.live).toBe(kvs.length);
        const largest = kvs.toSorted((a, b) => b.value.length - a.value.length)[0];
        expect(status.largestObjects[0]).toMatchObject({
          key: largest?.key.toString(),
          valueBytes: largest?.value.length,
          modRevision: Number(largest?.mod_revision),
        });
        const pods = kvs.filter(({ key }) => key.toString().startsWith("/registry/pods/")).length;
        expect(status.resources.find(({ resource }) => resource === "pods")?.keys.live).toBe(pods);
      } finally {
        client.close();
      }
      expect(sum(status.resources.map(({ keys }) => keys.revisions))).toBe(status.keys.revisions);
      const hot = status.hotKeys.map(({ revisions }) => revisions);
      expect(hot).toEqual(hot.toSorted((a, b) => b - a));
      expect(status.encryption.every(({ provider, keyName }) => provider === "aescbc" && /^key[0-2]$/.test(keyName))).toBe(true);
    },
  );
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

describe("with a store beside it", () => {
  let folder: TemporaryFolder;
  let options: LifeboatOptions;
  let snapshot: Buffer;
  let stored: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await using cluster = await startCluster({ version: "3.6" });
    await fillWithKubernetesData(cluster.connection, { megabytes: 3 });
    options = await initialise(cluster, folder.path);
    ({ ref: stored } = z.object({ ref: z.string() }).parse(await lifeboatJsonHere(["backup", "prod"], options)));
    await lifeboatJsonHere(["export", stored, "--unverified", "--out", "snapshot.db"], options);
    snapshot = await readFile(join(folder.path, "snapshot.db"));
  });
  afterAll(() => folder.remove());

  test("a ref tells the same as the file that it is exported to", async () => {
    const file = statusSchema.parse(await lifeboatJsonHere(["status", "snapshot.db"], options));
    const ref = statusSchema.parse(await lifeboatJsonHere(["status", "prod/latest"], options));
    expect(ref).toEqual({ ...file, name: stored });
    expect(file.hotKeys.length).toBeGreaterThan(0);
  });

  test("in a pipe it is text without colours, with names as long as they are", async () => {
    const { code, stdout, stderr } = await lifeboat(["status", "snapshot.db"], options);
    expect({ code, stderr: stderr.split(" in ")[0] }).toEqual({
      code: 0,
      stderr: `lifeboat: read: ${(snapshot.length / 2 ** 20).toFixed(1)} MiB`,
    });
    expect(stdout).not.toContain("\u001B");
    for (const line of [/^trailer: +ok$/m, /^tree: +whole$/m, /^HashKV: +\d+ at revision \d+, compact revision -?\d+$/m, /#{3,} +pods$/m])
      expect(stdout).toMatch(line);
    expect(stdout).toMatch(/#+ +certificates\.cert-manager\.io$/m);
    expect(stdout).toMatch(/#{12} {2}\/registry\/[a-z]+\/[a-z-]+\/$/m);
  });

  test("where a file has the name of a ref it is the file, and that is said", async () => {
    const cwd = join(folder.path, "elsewhere");
    await mkdir(join(cwd, "prod"), { recursive: true });
    await writeFile(join(cwd, "prod/latest"), snapshot);
    const { code, stdout, stderr } = await lifeboatHere(["status", "prod/latest", "--json"], { cwd });
    expect({ code, name: statusSchema.parse(JSON.parse(stdout)).name }).toEqual({ code: 0, name: "prod/latest" });
    expect(stderr).toContain("lifeboat: there is a file prod/latest here: this is about that file");
  });

  const damages: readonly (readonly [string, (whole: Buffer) => Buffer, object, RegExp])[] = [
    [
      "a flipped value",
      (whole) => flipped(whole, whole.indexOf("Certificate")),
      { tree: "whole", trailer: "wrong", hash: expect.any(Number) as unknown },
      /trailer is not the SHA-256/,
    ],
    ["a flipped trailer", (whole) => flipped(whole, -1), { tree: "whole", trailer: "wrong" }, /trailer is not the SHA-256/],
    [
      "the database of a member",
      (whole) => whole.subarray(0, -32),
      { tree: "whole", trailer: "missing" },
      /copied database rather than a snapshot\nlifeboat: hint: .*--skip-hash-check/,
    ],
    [
      "a download that broke off",
      (whole) => whole.subarray(0, 500_000),
      { tree: "tree/length", trailer: "missing", hash: null },
      /ends after 500000 bytes.*\nlifeboat: hint: do not restore/,
    ],
    [
      "a page of zeros in its tree, under a true trailer",
      (whole) => asSent(Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 32 - 8192)])),
      { trailer: "ok", hash: null, keys: null },
      /the page tree is not whole: page \d+/,
    ],
    [
      "an empty file",
      () => Buffer.alloc(0),
      { tree: "tree/empty", trailer: "missing", bytes: 0 },
      /it is empty\nlifeboat: hint: .*another snapshot/,
    ],
    [
      "text",
      () => Buffer.from("not a snapshot at all\n"),
      { tree: "tree/meta", trailer: "missing" },
      /neither meta page is valid\nlifeboat: hint: it is no snapshot/,
    ],
  ];

  test.each(damages)("%s is exit code 4, with what is known still printed", async (name, damage, expected, told) => {
    const file = `${name}.db`;
    await writeFile(join(folder.path, file), damage(snapshot));
    const { code, stdout, stderr } = await lifeboatHere(["status", file, "--json"], options);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ name: file, ...expected });
    expect(stderr).toMatch(told);
    const text = await lifeboatHere(["status", file], options);
    expect(text.code).toBe(4);
    expect(text.stdout).toMatch(/^snapshot: .*\ntrailer: .*\ntree: /);
  });

  test.each<readonly [string, string, RegExp]>([
    ["no such file", "nothing.db", /file nothing\.db not found\nlifeboat: hint: .*a ref such as/],
    ["a folder", "vault", /vault is a folder/],
    [
      "a stored snapshot as it lies in the store",
      "sealed.age",
      /sealed\.age is a file encrypted with age\nlifeboat: hint: lifeboat status REF/,
    ],
    ["a compressed snapshot", "snapshot.db.zst", /compressed with zstd\nlifeboat: hint: zstd -d/],
    ["a ref to nothing", "prod/20200101T000000Z", /snapshot prod\/20200101T000000Z not found/],
  ])("%s is exit code 2", async (_name, what, told) => {
    await runProgram(requireProgram("zstd"), ["-qf", "snapshot.db"], { env: { PATH: process.env["PATH"] }, cwd: folder.path });
    const manifest = z
      .object({ manifest: z.object({ stored: z.object({ key: z.string() }) }) })
      .parse(await lifeboatJsonHere(["show", "prod/latest"], options));
    await copyFile(join(folder.path, "vault", manifest.manifest.stored.key), join(folder.path, "sealed.age"));
    const { code, stdout, stderr } = await lifeboatHere(["status", what], options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(told);
  });

  test("a ref without a configuration says that it is no file either", async () => {
    await mkdir(join(folder.path, "bare"), { recursive: true });
    const { code, stderr } = await lifeboatHere(["status", "prod/latest"], { cwd: join(folder.path, "bare") });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /file prod\/latest not found, and to read it as a ref lifeboat needs a configuration: configuration lifeboat\.yaml not found/,
    );
  });

  test("a stored snapshot that is not what was signed is exit code 4 before anything is told", async () => {
    const cwd = join(folder.path, "damaged");
    for (const part of ["lifeboat.yaml", "keys", "vault"]) await cp(join(folder.path, part), join(cwd, part), { recursive: true });
    const manifest = z
      .object({ manifest: z.object({ stored: z.object({ key: z.string() }) }) })
      .parse(await lifeboatJsonHere(["show", "prod/latest"], options));
    const data = join(cwd, "vault", manifest.manifest.stored.key);
    await writeFile(data, flipped(await readFile(data), -100));
    const { code, stdout } = await lifeboatHere(["status", "prod/latest", "--json"], { cwd });
    expect({ code, told: JSON.parse(stdout) as unknown }).toEqual({
      code: 4,
      told: { error: expect.objectContaining({ code: saying("verify/") }) as unknown },
    });
  });
});
