import { createCipheriv } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { diffDocument, diffObjectDocument } from "../../shared/contract/look.ts";
import { encryptSmall } from "../../shared/seal/age.ts";
import { openClient } from "../../tools/lab/connection.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { work } from "../snapshot/support/workload.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { fitting, saying } from "../support/matchers.ts";
import { CA, ENCRYPTION_CONFIG, FOLDERS, headEntry, tarOf } from "../support/node-set.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { SeededRandom } from "../support/seeded-random.ts";

/** Looking inside what a real etcd sent: the member itself is the oracle, asked by etcdctl for the same revision. */

const BINARY = Buffer.from([0x00, 0xff, 0x2f, 0x0a, 0x1b, 0x5b, 0x32, 0x4a]);
const VALUE = Buffer.from([0, 1, 2, 0xff, 0xfe, 0x0a]);
const HOSTILE = "/registry/configmaps/shop/\u001b[2J\u202eevil";

/** As an API server with the EncryptionConfiguration of a test's node writes it. */
function sealedByKey1(value: string): Buffer {
  const cipher = createCipheriv("aes-256-cbc", Buffer.alloc(32, 7), Buffer.alloc(16, 1));
  return Buffer.concat([Buffer.from("k8s:enc:aescbc:v1:key1:"), Buffer.alloc(16, 1), cipher.update(value), cipher.final()]);
}
const SEALED = JSON.stringify({ apiVersion: "example.com/v1", kind: "CronTab", metadata: { name: "sealed", namespace: "night" } });

interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly modRevision: number;
}

let cluster: EtcdCluster;
let place: Place;
/** What the member answers, in the order of keys. */
let all: readonly Entry[];
/** A snapshot file, and the same cluster's stored one. */
const WHATS = ["snapshot.db", "prod/latest"] as const;

beforeAll(async () => {
  cluster = await startCluster({ version: "3.6" });
  await work(cluster, { rounds: 120, random: new SeededRandom(18) });
  const client = openClient(cluster.connection);
  try {
    for (const [key, value] of [
      [BINARY, VALUE],
      [Buffer.from("app/config/one"), Buffer.from("1")],
      [Buffer.from("app/config/two"), Buffer.from("two")],
      [Buffer.from("app/config/three"), Buffer.alloc(0)],
      [Buffer.from("/registry/pods/shop/web"), Buffer.from("first")],
      [Buffer.from("/registry/pods/shop/web"), Buffer.from("second")],
      [Buffer.from("/registry/pods/shop/gone"), Buffer.from("x")],
      [Buffer.from("/registry/namespaces/shop"), Buffer.from("ns")],
      [Buffer.from("/registry/example.com/crontabs/shop/web"), Buffer.from("{}")],
      [Buffer.from("/registry/example.org/crontabs/shop/web"), Buffer.from("{}")],
      [Buffer.from(HOSTILE), Buffer.from("v")],
      [Buffer.from("back"), Buffer.from("1")],
      [Buffer.from("screen"), Buffer.from("a\u001b[2Jb")],
      [Buffer.from("/registry/example.com/crontabs/night/sealed"), sealedByKey1(SEALED)],
    ] as const)
      await client.put(key).value(value).exec();
    await client.delete().key("/registry/pods/shop/gone").exec();
    await client.delete().key("back").exec();
    await client.put("back").value("again").exec();
  } finally {
    client.close();
  }
  place = await newPlace(cluster, cluster.folder, "here");
  await cluster.etcdctl(["snapshot", "save", place.path("snapshot.db")]);
  expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
  all = await members(["", "--from-key"]);
});
afterAll(() => cluster.stop());

const answer = z.object({ kvs: z.array(z.object({ key: z.base64(), value: z.base64().optional(), mod_revision: z.number() })).optional() });

async function members(args: readonly string[]): Promise<readonly Entry[]> {
  const { kvs = [] } = answer.parse(JSON.parse(await cluster.etcdctl(["get", ...args, "-w", "json"])));
  return kvs.map(({ key, value = "", mod_revision: modRevision }) => ({
    key: Buffer.from(key, "base64"),
    value: Buffer.from(value, "base64"),
    modRevision,
  }));
}

async function found(...args: readonly string[]): Promise<readonly { keyHex: string; modRevision: number; valueBytes: number }[]> {
  const { code, stdout, stderr } = await place.here("find", ...args, "--json");
  if (code !== 0) throw new Error(stderr);
  return DOCUMENTS.find.parse(JSON.parse(stdout)).map(({ keyHex, modRevision, valueBytes }) => ({ keyHex, modRevision, valueBytes }));
}

const shown = (entries: readonly Entry[]): object[] =>
  entries.map(({ key, value, modRevision }) => ({ keyHex: key.toString("hex"), modRevision, valueBytes: value.length }));

async function got(...args: readonly string[]): Promise<{ code: number | undefined; bytes: Buffer; stderr: string }> {
  const chunks: Buffer[] = [];
  const { code, stderr } = await lifeboatHere(["get", ...args], { ...place.options, onBytes: (bytes) => chunks.push(bytes) });
  return { code, bytes: Buffer.concat(chunks), stderr };
}

describe.each(WHATS)("%s", (what) => {
  test("has the keys that the member has, in its order", async () => {
    expect(all.length).toBeGreaterThan(20);
    expect(await found(what)).toEqual(shown(all));
    expect(await found(what, "app/")).toEqual(shown(await members(["app/", "--prefix"])));
    expect(await found(what, "app/config/t*")).toEqual(shown(await members(["app/config/t", "--prefix"])));
    expect(await found(what, "nothing")).toEqual([]);
    expect(await found(what, "--limit", "3")).toEqual(shown(all.slice(0, 3)));
  });

  test("gives each value byte by byte, and of a key only its newest", async () => {
    for (const { key, value } of all.filter((_, index) => index % 9 === 0)) {
      const { code, bytes } = await got(what, "--key-hex", key.toString("hex"));
      expect({ key: key.toString("hex"), code, value: bytes.toString("hex") }).toEqual({
        key: key.toString("hex"),
        code: 0,
        value: value.toString("hex"),
      });
    }
    expect((await got(what, "--key-hex", BINARY.toString("hex"))).bytes).toEqual(VALUE);
    expect((await got(what, "pods/shop/web")).bytes.toString()).toBe("second");
    expect((await got(what, "back")).bytes.toString()).toBe("again");
    expect((await got(what, "app/config/three")).bytes).toHaveLength(0);
  });

  test("says what is not in it, and what is in it several times", async () => {
    const gone = await got(what, "/registry/pods/shop/gone");
    expect(gone).toMatchObject({
      code: 2,
      stderr: fitting(/\/registry\/pods\/shop\/gone is not in \S+: it was deleted at revision \d+\n/),
    });
    expect(gone.bytes).toHaveLength(0);
    const at = Number(/revision (\d+)/.exec(gone.stderr)?.[1]);
    const deleted = { keyHex: Buffer.from("/registry/pods/shop/gone").toString("hex"), modRevision: at, valueBytes: 0 };
    expect(await found(what, "--deleted", "-n", "shop")).toEqual([deleted]);
    const [before, after] = await Promise.all([at - 1, at].map((rev) => members(["/registry/pods/shop/gone", `--rev=${rev}`])));
    expect([before?.length, after?.length]).toEqual([1, 0]);
    const never = await got(what, "/registry/pods/shop/never");
    expect(never).toMatchObject({ code: 2, stderr: saying("it was deleted before, or made after") });
    expect(never.stderr).toContain("'**never*'");
    const several = await got(what, "crontab/shop/web");
    expect(several).toMatchObject({ code: 2, stderr: saying("crontab/shop/web names several keys") });
    expect(several.stderr).toContain("/registry/example.com/crontabs/shop/web, /registry/example.org/crontabs/shop/web");
    expect((await got(what, "crontabs.example.org/shop/web")).bytes.toString()).toBe("{}");
  });
});

test("on a terminal a value is shown and not obeyed, and one that is no text is not shown", async () => {
  const terminal = { ...place.options, columns: 80 };
  expect(await lifeboatHere(["get", "snapshot.db", "app/config/two"], terminal)).toMatchObject({ code: 0, stdout: "two\n" });
  expect(await lifeboatHere(["get", "snapshot.db", "screen"], terminal)).toMatchObject({ code: 0, stdout: "a\\u001b[2Jb\n" });
  const binary = await lifeboatHere(["get", "snapshot.db", "--key-hex", BINARY.toString("hex")], terminal);
  expect(binary).toMatchObject({ code: 2, stdout: "", stderr: saying("standard output is a terminal") });
});

test("--json has the key and the value byte by byte", async () => {
  const { stdout } = await place.here("get", "snapshot.db", "--key-hex", BINARY.toString("hex"), "--json");
  const { modRevision } = all.find(({ key }) => key.equals(BINARY)) ?? { modRevision: -1 };
  expect(DOCUMENTS.get.parse(JSON.parse(stdout))).toMatchObject({
    snapshot: "snapshot.db",
    key: String.raw`\x00\xff/`.replace(String.raw`\x00`, "\u0000") + "\n\u001b[2J",
    keyHex: BINARY.toString("hex"),
    modRevision,
    value: VALUE.toString("base64"),
  });
});

test("a table names objects as kubectl does, and shows control characters instead of sending them", async () => {
  const { stdout } = await place.here("find", "snapshot.db", "-n", "shop");
  expect(stdout).toMatch(/^RESOURCE +NAMESPACE +NAME +REVISION +SIZE\n/);
  expect(stdout).toMatch(/^crontabs\.example\.com +shop +web +\d+ +2 B$/m);
  expect(stdout).toMatch(/^namespaces +shop +\d+ +2 B$/m);
  expect(stdout).toContain(String.raw`\u001b[2J\u202eevil`);
  expect(stdout).not.toContain("\u001b");
  expect(stdout).not.toContain("gone");
  const plain = await place.here("find", "snapshot.db", "app/config/");
  expect(plain.stdout).toMatch(/^KEY +REVISION +SIZE\napp\/config\/one +\d+ +1 B\n/);
});

test("a snapshot that was changed is not looked into", async () => {
  const bytes = await readFile(place.path("snapshot.db"));
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
  await writeFile(place.path("changed.db"), bytes);
  expect(await got("changed.db", "back")).toMatchObject({ code: 4, bytes: Buffer.alloc(0), stderr: saying("changed.db") });
  // A copied database has none, and only its tree speaks for it.
  await writeFile(place.path("copied.db"), (await readFile(place.path("snapshot.db"))).subarray(0, -32));
  expect(await got("copied.db", "back")).toMatchObject({
    code: 0,
    bytes: Buffer.from("again"),
    stderr: saying("copied.db has no trailer"),
  });
});

describe("after more writes", () => {
  let later: readonly Entry[];

  beforeAll(async () => {
    await work(cluster, { rounds: 60, random: new SeededRandom(19) });
    const client = openClient(cluster.connection);
    try {
      await client.delete().key("/registry/namespaces/shop").exec();
      await client.put("app/config/one").value("1").exec();
      await client.put("app/config/two").value("2").exec();
      await client.put("app/config/four").value("4").exec();
      // More than a page.
      await Promise.all(Array.from({ length: 250 }, (_, index) => client.put(`many/${index}`).value("v").exec()));
      await client.put("line\n+ pods shop/forged").value("x").exec();
    } finally {
      client.close();
    }
    await cluster.etcdctl(["snapshot", "save", place.path("later.db")]);
    later = await members(["", "--from-key"]);
  });

  /** Key by key, as etcdctl gave them. */
  function expected(before: readonly Entry[], after: readonly Entry[]): object[] {
    const [was, is] = [before, after].map((entries) => new Map(entries.map((entry) => [entry.key.toString("hex"), entry])));
    return [...new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])]
      .toSorted((a, b) => (a < b ? -1 : 1))
      .flatMap((keyHex) => {
        const [one, two] = [was?.get(keyHex), is?.get(keyHex)];
        if (one?.modRevision === two?.modRevision) return [];
        const change = one === undefined ? "added" : two === undefined ? "removed" : one.value.equals(two.value) ? "rewritten" : "changed";
        return [{ change, keyHex, modRevisionBefore: one?.modRevision ?? null, modRevisionAfter: two?.modRevision ?? null }];
      });
  }

  test.each(WHATS)("diff of %s and a later snapshot is what etcdctl tells of both", async (what) => {
    const { code, stdout } = await place.here("diff", what, "later.db", "--json");
    expect(code).toBe(0);
    const { changes, counts, same } = diffDocument.parse(JSON.parse(stdout));
    const shownChanges = changes.map(({ change, keyHex, modRevisionBefore, modRevisionAfter }) => ({
      change,
      keyHex,
      modRevisionBefore,
      modRevisionAfter,
    }));
    expect(shownChanges).toEqual(expected(all, later));
    expect(counts.changed + counts.added + counts.rewritten + same).toBe(later.length);
    expect(counts.added).toBeGreaterThan(0);
    expect(counts.removed).toBeGreaterThan(0);
  });

  test.each(WHATS)("diff of %s and live is the same, asked page by page, and nothing goes through raft", async (what) => {
    const raft = async (): Promise<unknown> => {
      const status = z.array(z.object({ Status: z.object({ raftIndex: z.number(), header: z.object({ revision: z.number() }) }) }));
      return status.parse(JSON.parse(await cluster.etcdctl(["endpoint", "status", "-w", "json"])));
    };
    const before = await raft();
    const named = what === "snapshot.db" ? ["--cluster", "prod"] : [];
    const { code, stdout, stderr } = await place.here("diff", what, "live", ...named, "--json", "--verbose");
    expect({ code, before: await raft() }).toEqual({ code: 0, before });
    const { changes, counts, same } = diffDocument.parse(JSON.parse(stdout));
    const shownChanges = changes.map(({ change, keyHex, modRevisionBefore, modRevisionAfter }) => ({
      change,
      keyHex,
      modRevisionBefore,
      modRevisionAfter,
    }));
    expect(shownChanges.toSorted((a, b) => (a.keyHex < b.keyHex ? -1 : 1))).toEqual(expected(all, later));
    expect(counts.changed + counts.added + counts.rewritten + same).toBe(later.length);
    expect(stderr.match(/Range of http/g)?.length).toBeGreaterThan(1);
  });

  test("impact tells what going back would undo", async () => {
    const { code, stdout } = await place.here("impact", "prod/latest", "--json");
    expect(code).toBe(0);
    const { counts, resources } = DOCUMENTS.impact.parse(JSON.parse(stdout));
    const changes = z.array(z.object({ change: z.string() })).parse(expected(all, later));
    const count = (kind: string): number => changes.filter(({ change }) => change === kind).length;
    expect(counts).toEqual({ lost: count("added"), revived: count("removed"), reverted: count("changed") });
    expect(resources.find(({ resource }) => resource === "namespaces")).toEqual({
      resource: "namespaces",
      lost: 0,
      revived: 1,
      reverted: 0,
      ownsOutside: false,
    });
    const shownText = await place.here("impact", "snapshot.db", "--cluster", "prod");
    expect(shownText.stdout).toContain(`${counts.lost} lost, ${counts.revived} there again`);
    expect(await place.here("impact", "later.db", "--cluster", "prod")).toMatchObject({ code: 0, stdout: saying("would undo nothing") });
  });

  test.each(["later.db", "live"])("diff --object of one key and %s shows its lines, and says what is on one side alone", async (after) => {
    const named = after === "live" ? ["--cluster", "prod"] : [];
    const diff = (key: string, ...args: readonly string[]): Promise<Outcome> =>
      place.here("diff", "snapshot.db", after, ...named, "--object", key, ...args);
    const two = "app/config/two";
    const revision = (entries: readonly Entry[]): number => entries.find(({ key }) => key.toString() === two)?.modRevision ?? -1;
    expect(await diff(two)).toMatchObject({
      code: 0,
      stdout: `--- ${two} in snapshot.db, revision ${revision(all)}\n+++ ${two} in ${after}, revision ${revision(later)}\n@@ -1 +1 @@\n-two\n\\ No newline at end of file\n+2\n\\ No newline at end of file\n`,
    });
    expect(diffObjectDocument.parse(JSON.parse((await diff(two, "--json")).stdout))).toMatchObject({
      before: "snapshot.db",
      after,
      change: "changed",
      key: two,
      modRevisionBefore: revision(all),
      modRevisionAfter: revision(later),
      valueBytesBefore: 3,
      valueBytesAfter: 1,
      form: "text",
    });
    expect((await diff("app/config/four")).stdout).toMatch(/^--- \/dev\/null \(not in snapshot\.db\)\n\+\+\+ .*\n@@ -0,0 \+1 @@\n\+4\n/);
    expect((await diff("namespaces/shop")).stdout).toMatch(/^--- .*\n\+\+\+ \/dev\/null .*\n@@ -1 \+0,0 @@\n-ns\n/);
    expect(await diff("app/config/one")).toMatchObject({ code: 0, stdout: "", stderr: saying("was written again with the same value") });
    expect(await diff("pods/shop/web")).toMatchObject({ code: 0, stdout: "", stderr: saying("is the same in snapshot.db and") });
    expect(await diff("pods/shop/gone")).toMatchObject({ code: 2, stdout: "", stderr: saying("pods/shop/gone is in neither of") });
    expect(await diff("crontab/shop/web")).toMatchObject({ code: 2, stderr: saying("names several keys") });
    expect(await diff(two, "-n", "shop")).toMatchObject({ code: 2, stderr: saying("leave out PREFIX") });
    expect(await diff(two, "--key-hex", "00")).toMatchObject({ code: 2, stderr: saying("leave one of them out") });
    const byHex = (hex: string, ...args: readonly string[]): Promise<Outcome> =>
      place.here("diff", "snapshot.db", after, ...named, "--key-hex", hex, ...args);
    expect((await byHex(Buffer.from(two).toString("hex"))).stdout).toContain("-two\n");
    expect(await byHex(BINARY.toString("hex"))).toMatchObject({ code: 0, stdout: "", stderr: saying("is the same in snapshot.db and") });
    expect(await byHex("0")).toMatchObject({ code: 2, stderr: saying("--key-hex 0 is not bytes in hexadecimal") });
    expect(await place.here("diff", "snapshot.db", after, ...named, "--no-index")).toMatchObject({
      code: 2,
      stderr: saying("--no-index goes with --object"),
    });
  });

  test.each([
    [["diff", "snapshot.db", "nowhere.db"], "file nowhere.db not found"],
    [["diff", "snapshot.db", "nowhere.db", "--object", "back"], "file nowhere.db not found"],
    [["diff", "snapshot.db", "prod@2020-01-01T00:00:00Z"], "there is no snapshot of prod taken at or before"],
    [["diff", "live", "snapshot.db"], "live can only stand in the second place"],
    [["diff", "snapshot.db", "live", "--cluster", "prd"], "lifeboat.yaml has no cluster prd"],
    [["diff", "snapshot.db", "later.db", "-n", ""], "-n names no namespace"],
    [["diff", "snapshot.db", "later.db", "--object", "back", "--encryption-config", "none.yaml"], "file none.yaml not found"],
    [["impact", "snapshot.db", "--cluster", "prd"], "lifeboat.yaml has no cluster prd"],
    [["find", "snapshot.db", "-n", ""], "-n names no namespace"],
    [["get", "snapshot.db", ""], "give a key"],
    [["get", "snapshot.db", "back", "--encryption-config", "none.yaml"], "file none.yaml not found"],
    [["get", "snapshot.db", "--all", "-n", "", "--out", "all"], "-n names no namespace"],
  ])("%j is told before a snapshot is read", async (args, what) => {
    const told = await place.here(...args);
    expect(told).toMatchObject({ code: 2, stdout: "", stderr: saying(what) });
    // As of one that is read.
    expect((await place.here("find", "snapshot.db", "back")).stderr).toContain("lifeboat: read: ");
    expect(told.stderr).not.toContain("lifeboat: read: ");
  });

  test("a file does not say which live cluster is meant, and one that does not answer is exit code 3", async () => {
    expect(await place.here("diff", "snapshot.db", "live")).toMatchObject({ code: 2, stderr: saying("name it with --cluster") });
    expect(await place.here("impact", "snapshot.db", "--cluster", "prd")).toMatchObject({ code: 2, stderr: saying("prd") });
    await place.edit("lifeboat.yaml", (text) => text.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "http://127.0.0.1:1"));
    expect(await place.here("impact", "snapshot.db", "--cluster", "prod")).toMatchObject({ code: 3, stdout: "" });
  });

  test("diff lists what changed on a line each, which no key can forge, and sums it up", async () => {
    const { code, stdout } = await place.here("diff", "snapshot.db", "later.db", "app/config/");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        "+ app/config/four\n~ app/config/two\n\nRESOURCE      ADDED  REMOVED  CHANGED  REWRITTEN\n(other keys)  1      0        1        1\n",
    });
    const forged = await place.here("diff", "snapshot.db", "later.db", "line");
    expect(forged.stdout.split("\n")[0]).toBe(String.raw`+ line\u000a+ pods shop/forged`);
    const namespace = await place.here("diff", "snapshot.db", "later.db", "-n", "shop");
    expect(namespace.stdout).toMatch(/^- namespaces shop \(deleted at revision \d+\)$/m);
    expect(await place.here("diff", "later.db", "later.db")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: saying("have the same keys and values"),
    });
  });
});

describe("a value that the API server encrypted", () => {
  const NAME = "crontabs/night/sealed";
  const BY = ["--encryption-config", "node-files"] as const;

  test("is named where no node gave its files, or a file is looked at", async () => {
    const missing = await place.here("get", "prod/latest", NAME, ...BY);
    expect(missing).toMatchObject({ code: 2, stdout: "", stderr: saying("there are no node files of prod in") });
    expect(await place.here("get", "snapshot.db", NAME, ...BY)).toMatchObject({ code: 2, stderr: saying("goes with a stored snapshot") });
  });

  test("is decrypted by the stored files of its nodes, in each command that takes the keys", async () => {
    const recipient = (await place.here("node-files", "recipient", "prod")).stdout.trim();
    // By the clock of this machine: a set in the future is refused.
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    const set = tarOf([headEntry({ time }), ...FOLDERS, CA, ENCRYPTION_CONFIG]);
    await writeFile(place.path("node-a.age"), await encryptSmall([recipient], set));
    expect(await place.here("node-files", "add", "prod", "node-a", "node-a.age")).toMatchObject({ code: 0 });
    const client = openClient(cluster.connection);
    await client
      .put("/registry/example.com/crontabs/night/sealed")
      .value(sealedByKey1(SEALED.replace("{", '{"suspended":true,')))
      .exec();
    client.close();
    await cluster.etcdctl(["snapshot", "save", place.path("sealed.db")]);
    for (const by of [BY, ["--encryption-config", "node-files/node-a"]]) {
      const { code, stdout, stderr } = await place.here("get", "prod/latest", NAME, "--as", "json", ...by);
      expect({ code, stderr }).toMatchObject({ code: 0, stderr: saying("which authenticates nothing") });
      expect(JSON.parse(stdout)).toEqual(JSON.parse(SEALED));
    }
    expect(await place.here("get", "prod/latest", "--all", "-n", "night", "--out", "night", ...BY)).toMatchObject({ code: 0 });
    const written = await readdir(place.path("night"), { recursive: true });
    const file = written.find((name) => name.endsWith("sealed.yaml")) ?? "";
    expect(await readFile(place.path(`night/${file}`), "utf8")).toContain("kind: CronTab");
    expect((await place.here("diff", "prod/latest", "sealed.db", "--object", NAME, ...BY)).stdout).toContain("+suspended: true\n");
    const other = await place.here("get", "prod/latest", NAME, "--encryption-config", "node-files/node-b");
    expect(other).toMatchObject({ code: 2, stdout: "", stderr: saying("there are no node files of prod/node-b") });
    // A file of that name goes before.
    await writeFile(place.path("node-files"), "kind: Pod\n");
    expect(await place.here("get", "prod/latest", NAME, ...BY)).toMatchObject({ code: 2, stderr: saying("no EncryptionConfiguration") });
  });
});
