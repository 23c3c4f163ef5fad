import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Kopia, KopiaRepository, KopiaSnapshot } from "../../../shared/store/kopia/program/kopia.ts";
import { until } from "../../../tools/lab/until.ts";
import { fitting, saying } from "../../support/matchers.ts";
import { filesBySize, PASSWORD, processesWith, readProc } from "./program-under-test.ts";
import type { KopiaPlace } from "./program-under-test.ts";

const MIB = 1024 * 1024;
const FEEDER = fileURLToPath(new URL("feeder.ts", import.meta.url));

/** Puts a snapshot of `content` in, in blocks of 1 MiB. */
export async function putSnapshot(kopia: Kopia, content: Uint8Array, tags: Readonly<Record<string, string>>): Promise<KopiaSnapshot> {
  const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags });
  for (let at = 0; at < content.length; at += MIB) await upload.write({ bytes: content.subarray(at, at + MIB), release: () => {} });
  return upload.end();
}

async function shown(kopia: Kopia, { object }: KopiaSnapshot): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of kopia.show(object, "snapshot.db")) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What the module promises of kopia, whichever program plays it. */
export function describeProgram(open: () => Promise<KopiaPlace>, program: string): void {
  let place: KopiaPlace;
  let kopia: Kopia;
  beforeAll(async () => {
    place = await open();
    await using first = await place.open();
    await first.create({ splitter: "FIXED-128K" });
  });
  afterAll(() => place[Symbol.asyncDispose]());
  beforeEach(async () => {
    kopia = await place.open();
  });
  afterEach(async () => {
    await kopia[Symbol.asyncDispose]();
    // Of no test anything is left: no process, no folder.
    expect(processesWith(place.temporary)).toEqual([]);
    expect((await readdir(place.temporary)).filter((name) => name.startsWith("lifeboat-kopia-"))).toEqual([]);
  });

  test("a repository is made once", async () => {
    expect(await kopia.status()).toMatchObject({ splitter: "FIXED-128K", uniqueId: fitting(/^[0-9a-f]{64}$/), blobRetention: undefined });
    await using again = await place.open();
    await expect(again.create({ splitter: "FIXED-1M" })).rejects.toMatchObject({ code: "store/exists" });
    expect(await kopia.maintenanceInfo()).toMatchObject({ owner: "backup@etcd-lifeboat", extendObjectLocks: false });
  });

  test("a wrong password is told as one, and is in no message", async () => {
    await using other = await place.open({ password: "not the one" });
    await expect(other.status()).rejects.toMatchObject({ code: "keys/no-match", message: fitting(/^(?!.*not the one)/) });
    // A call after one that failed tries again.
    await expect(other.list({})).rejects.toMatchObject({ code: "keys/no-match" });
  });

  test("a snapshot comes back, found by its tags", async () => {
    const content = randomBytes(5 * MIB + 123);
    const made = await putSnapshot(kopia, content, { cluster: "prod", snapshot: "one", run: "0a" });
    expect(made).toMatchObject({ files: 1, bytes: content.length, incomplete: undefined, pins: [] });
    await putSnapshot(kopia, randomBytes(1000), { cluster: "other", snapshot: "one", run: "0b" });
    await using reader = await place.open();
    expect(await reader.list({ cluster: "prod", snapshot: "one" })).toEqual([made]);
    expect((await reader.list({ snapshot: "one" })).map(({ tags }) => tags["run"])).toEqual(["0a", "0b"]);
    expect(await reader.list({ cluster: "prod", snapshot: "two" })).toEqual([]);
    expect((await shown(reader, made)).equals(content)).toBe(true);
    await reader.verify([made.id], "every byte");
  });

  test("an empty snapshot is one too", async () => {
    const made = await putSnapshot(kopia, Buffer.alloc(0), { cluster: "empty" });
    expect(made.bytes).toBe(0);
    expect(await shown(kopia, made)).toHaveLength(0);
  });

  test("each block is released once kopia has it, and few are held", async () => {
    const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "blocks" } });
    let held = 0;
    let most = 0;
    for (let index = 0; index < 24; index++) {
      held += 1;
      most = Math.max(most, held);
      await upload.write({ bytes: randomBytes(MIB / 4), release: () => (held -= 1) });
    }
    await upload.end();
    expect(held).toBe(0);
    expect(most).toBeLessThanOrEqual(3);
  });

  test("without its end there is no snapshot, whatever was written", async () => {
    const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "withheld" } });
    await upload.write({ bytes: randomBytes(3 * MIB), release: () => {} });
    expect(await kopia.list({ cluster: "withheld" }, { incomplete: true })).toEqual([]);
    await upload.kill();
    await upload.kill();
    expect(await kopia.list({ cluster: "withheld" }, { incomplete: true })).toEqual([]);
  });

  test("a signal ends it, with what was asked for in the message", async () => {
    const stop = new AbortController();
    const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "aborted" } }, stop.signal);
    await upload.write({ bytes: randomBytes(MIB), release: () => {} });
    stop.abort(new Error("enough"));
    await expect(upload.end()).rejects.toMatchObject({ code: "interrupted", message: saying("write the snapshot of /etcd/prod") });
    expect(await kopia.list({ cluster: "aborted" }, { incomplete: true })).toEqual([]);
    await expect(kopia.snapshotCreate({ source: "/a", file: "b", tags: {} }, stop.signal)).rejects.toThrow("enough");
  });

  test("disposing of it ends what still runs", async () => {
    const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "disposed" } });
    await upload.write({ bytes: randomBytes(MIB), release: () => {} });
    await kopia[Symbol.asyncDispose]();
    await expect(upload.end()).rejects.toMatchObject({ code: "store/failed", message: saying("SIGKILL") });
    await using reader = await place.open();
    expect(await reader.list({ cluster: "disposed" }, { incomplete: true })).toEqual([]);
  });

  test("of a process that is killed by SIGKILL there is no snapshot, and no process", async () => {
    if (place.repository.kind !== "filesystem") return;
    const temporary = join(place.temporary, "of-the-killed");
    await mkdir(temporary);
    const feeder = execa(process.execPath, [FEEDER, program, place.repository.path, temporary], { reject: false, buffer: false });
    await once(feeder.stdout, "data");
    expect(processesWith(temporary)).not.toEqual([]);
    feeder.kill("SIGKILL");
    await feeder;
    await until("no process of it", 10_000, () => processesWith(temporary).length === 0);
    expect(await kopia.list({ cluster: "killed" }, { incomplete: true })).toEqual([]);
  });

  test("a pin changes the id: it is found by its tags, and deleted by its present id only", async () => {
    const made = await putSnapshot(kopia, randomBytes(MIB), { cluster: "pinned" });
    await kopia.pin(made.id, "etcd-lifeboat");
    const [pinned] = await kopia.list({ cluster: "pinned" });
    expect(pinned).toEqual({ ...made, id: fitting(/^[0-9a-f]{32}$/), pins: ["etcd-lifeboat"] });
    expect(pinned?.id).not.toBe(made.id);
    await kopia.pin(pinned?.id ?? "", "etcd-lifeboat");
    expect(await kopia.list({ cluster: "pinned" })).toEqual([pinned]);
    await expect(kopia.delete(made.id)).rejects.toMatchObject({ code: "verify/missing" });
    await kopia.unpin(pinned?.id ?? "", "etcd-lifeboat");
    const [free] = await kopia.list({ cluster: "pinned" });
    expect(free?.pins).toEqual([]);
    await kopia.delete(free?.id ?? "");
    expect(await kopia.list({ cluster: "pinned" })).toEqual([]);
  });

  test("of two snapshots of the same content one is deleted", async () => {
    const content = randomBytes(MIB);
    const one = await putSnapshot(kopia, content, { cluster: "twice", run: "1" });
    const two = await putSnapshot(kopia, content, { cluster: "twice", run: "2" });
    // The time of the file is in the folder, and so the object is another.
    expect(two.object).not.toBe(one.object);
    await kopia.delete(one.id);
    expect(await kopia.list({ cluster: "twice" })).toEqual([two]);
    // An object's id stands for every snapshot of it: it is not taken.
    await expect(kopia.delete(two.object)).rejects.toMatchObject({ code: "verify/format" });
    await kopia.maintenanceRun("full");
    expect((await shown(kopia, two)).equals(content)).toBe(true);
  });

  test("what is not there is missing", async () => {
    const made = await putSnapshot(kopia, randomBytes(1000), { cluster: "here" });
    const nobody = "0".repeat(32);
    await expect(shown(kopia, { ...made, object: `k${nobody}` })).rejects.toMatchObject({ code: "verify/missing" });
    await expect(Array.fromAsync(kopia.show(made.object, "other.db"))).rejects.toMatchObject({ code: "verify/missing" });
    await expect(kopia.verify([nobody], "no file")).rejects.toMatchObject({ code: "verify/missing" });
    await expect(kopia.delete(nobody)).rejects.toMatchObject({ code: "verify/missing" });
    await expect(kopia.pin(nobody, "a")).rejects.toMatchObject({ code: "verify/missing" });
  });

  test("whoever reads may stop early", async () => {
    const made = await putSnapshot(kopia, randomBytes(4 * MIB), { cluster: "early" });
    for await (const chunk of kopia.show(made.object, "snapshot.db")) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(processesWith(place.temporary)).toEqual([]);
    const stop = new AbortController();
    const reading = async (): Promise<void> => {
      for await (const _ of kopia.show(made.object, "snapshot.db", stop.signal)) stop.abort(new Error("enough"));
    };
    await expect(reading()).rejects.toMatchObject({ code: "interrupted" });
  });

  test("the maintenance is run by its owner alone", async () => {
    await kopia.maintenanceRun("quick");
    await kopia.maintenanceRun("full");
    const info = await kopia.maintenanceInfo();
    expect(info.nextFull?.getTime()).toBeGreaterThan(Date.now());
    expect(info.runs.find(({ task }) => task === "snapshot-gc")).toMatchObject({ success: true });
    const { bytes, count } = await kopia.blobStats();
    expect(bytes).toBeGreaterThan(MIB);
    expect(count).toBeGreaterThan(2);
    await kopia.setOwner({ extendObjectLocks: true });
    expect(await kopia.maintenanceInfo()).toMatchObject({ extendObjectLocks: true });
  });

  test("a copy has the same snapshots by the same ids, and those that were deleted since no more", async () => {
    const content = randomBytes(3 * MIB);
    const one = await putSnapshot(kopia, content, { cluster: "copied", run: "1" });
    const two = await putSnapshot(kopia, randomBytes(MIB), { cluster: "copied", run: "2" });
    await expect(kopia.syncTo(place.copyAt, { mustExist: true })).rejects.toMatchObject({
      code: "store/missing",
      message: saying("the copy that was there is not there any more"),
    });
    await kopia.syncTo(place.copyAt, { mustExist: false });
    await using copy = await place.open({ repository: place.copyAt });
    expect(await copy.list({ cluster: "copied" })).toEqual([one, two]);
    expect(await copy.status()).toMatchObject({ uniqueId: (await kopia.status()).uniqueId });
    expect((await shown(copy, one)).equals(content)).toBe(true);
    await copy.verify([one.id, two.id], "every byte");
    await kopia.delete(two.id);
    const three = await putSnapshot(kopia, randomBytes(MIB), { cluster: "copied", run: "3" });
    const before = await copy.blobStats();
    await kopia.syncTo(place.copyAt, { mustExist: true });
    expect(await copy.list({ cluster: "copied" })).toEqual([one, three]);
    expect((await copy.blobStats()).count).toBeGreaterThan(before.count);
    await copy.verify([one.id, three.id], "every byte");
  });

  test("another repository is not copied over, and the message has no secret", async () => {
    const at: KopiaRepository =
      place.copyAt.kind === "s3" ? { ...place.copyAt, prefix: "others/" } : { kind: "filesystem", path: join(place.temporary, "others") };
    await using others = await place.open({ repository: at, password: "of somebody else" });
    await others.create({ splitter: "FIXED-1M" });
    const { uniqueId } = await others.status();
    const refused: unknown = await kopia.syncTo(at, { mustExist: false }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "store/other", message: saying("another Kopia repository is there") });
    if (at.kind === "s3") expect(String(refused)).not.toContain((await at.credentials()).secretAccessKey);
    expect(await others.status()).toMatchObject({ uniqueId });
    expect(await others.list({})).toEqual([]);
  });

  test("the private folder is the owner's alone, and no secret is in a file or an argument", async () => {
    const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "secret" } });
    await upload.write({ bytes: randomBytes(MIB), release: () => {} });
    const name = (await readdir(place.temporary)).find((each) => each.startsWith("lifeboat-kopia-"));
    const folder = join(place.temporary, name ?? "");
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const secrets = [PASSWORD];
    if (place.repository.kind === "s3") secrets.push((await place.repository.credentials()).secretAccessKey);
    const files = await filesBySize(folder);
    expect(files.map((file) => file.slice(folder.length + 1))).toContain("repository.config");
    for (const file of files) {
      const text = await readFile(file, "latin1");
      for (const secret of secrets) expect(text.includes(secret), file).toBe(false);
    }
    // One that is just becoming another program shows no environment.
    await until("both run", 10_000, () => processesWith(folder).length >= 2);
    const pids = processesWith(folder);
    for (const pid of pids) {
      for (const secret of secrets) expect(readProc(pid, "cmdline")).not.toContain(secret);
      expect(readProc(pid, "limits")).toMatch(/^Max core file size +0 /m);
      const environment = readProc(pid, "environ").split("\0");
      expect(environment).toContain("KOPIA_CHECK_FOR_UPDATES=false");
      expect(environment.filter((each) => each.includes("the caller's own") || each.includes("nonexistent"))).toEqual([]);
    }
    await upload.kill();
  });

  // Last, since nothing is whole afterwards.
  describe("of what is damaged", () => {
    test("reading and verifying find it", async () => {
      const made = await putSnapshot(kopia, randomBytes(19 * MIB), { cluster: "damage" });
      await place.damage();
      let bytes = 0;
      const reading = async (): Promise<void> => {
        for await (const chunk of kopia.show(made.object, "snapshot.db")) bytes += chunk.length;
      };
      await expect(reading()).rejects.toMatchObject({ code: "verify/checksum" });
      expect(bytes).toBeGreaterThan(MIB);
      await expect(kopia.verify([made.id], "every byte")).rejects.toMatchObject({ code: "verify/checksum" });
    });
  });
}
