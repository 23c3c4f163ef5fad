import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getEventListeners } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Kopia, KopiaUpload } from "../../../shared/store/kopia/program/kopia.ts";
import { markInName } from "../../../shared/process-mark.ts";
import { until } from "../../../tools/lab/until.ts";
import { saying } from "../../support/matchers.ts";
import { describeProgram, putSnapshot } from "./program-suite.ts";
import { folderPlace, PASSWORD, processesWith, STAND_IN } from "./program-under-test.ts";
import type { KopiaPlace } from "./program-under-test.ts";

const MIB = 1024 * 1024;

describe("against the stand-in", () => {
  describeProgram(() => folderPlace(STAND_IN), STAND_IN);
});

describe("a kopia that misbehaves", () => {
  let place: KopiaPlace;
  beforeAll(async () => {
    place = await folderPlace(STAND_IN);
    await using kopia = await place.open();
    await kopia.create({ splitter: "FIXED-128K" });
  });
  afterEach(async () => {
    await rm(`${place.files}.misbehave`, { force: true });
    expect(processesWith(place.temporary)).toEqual([]);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  async function misbehaving(how: Readonly<Record<string, string>>): Promise<Kopia> {
    await writeFile(`${place.files}.misbehave`, JSON.stringify(how));
    return place.open();
  }

  /** Writes until it cannot, then ends. */
  async function upload(kopia: Kopia, blocks = 8): Promise<unknown> {
    const writing: KopiaUpload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "bad" } });
    try {
      for (let index = 0; index < blocks; index++) await writing.write({ bytes: Buffer.alloc(MIB), release: () => {} });
      return await writing.end();
    } finally {
      await writing.kill();
    }
  }

  test.each([
    ["that hangs", "hang"],
    ["whose child hangs", "child-hangs"],
  ])("one %s is ended by the signal, with all that it started", async (_name, how) => {
    await using kopia = await misbehaving({ "snapshot verify": how });
    const stop = new AbortController();
    const verifying = kopia.verify(["0".repeat(32)], "every byte", stop.signal);
    await until("it runs", 10_000, async () =>
      how === "hang"
        ? processesWith(place.temporary).length >= 2
        : stat(`${place.files}.child`).then(
            () => true,
            () => false,
          ),
    );
    stop.abort(new Error("the deadline is over"));
    await expect(verifying).rejects.toMatchObject({ code: "interrupted", message: saying("verify 000") });
    if (how === "child-hangs") {
      const child = Number(await readFile(`${place.files}.child`, "utf8"));
      await until("its child is gone", 10_000, () => !isRunning(child));
    }
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  });

  test("a copy that hangs in the middle is ended by the signal, and the next one ends the work", async () => {
    await using first = await place.open();
    const made = await putSnapshot(first, Buffer.alloc(MIB, 1), { cluster: "copied" });
    await using kopia = await misbehaving({ "repository sync-to": "hang-after-one" });
    const stop = new AbortController();
    const copying = kopia.syncTo(place.copyAt, { mustExist: false }, stop.signal);
    const { path = "" } = place.copyAt.kind === "filesystem" ? place.copyAt : {};
    await until("one blob is there", 10_000, async () => (await readdir(path)).some((name) => name.startsWith("p-")));
    stop.abort(new Error("enough"));
    await expect(copying).rejects.toMatchObject({ code: "interrupted", message: saying("copy the Kopia repository in") });
    await using copy = await place.open({ repository: place.copyAt });
    expect(await copy.list({ cluster: "copied" })).toEqual([]);
    await rm(`${place.files}.misbehave`);
    await kopia.syncTo(place.copyAt, { mustExist: true });
    expect(await copy.list({ cluster: "copied" })).toEqual([made]);
    await copy.verify([made.id], "every byte");
  });

  test("a copy whose storage cannot be reached says so, and by Kopia's words which of the two it is", async () => {
    const words = "error listing BLOBs in destination repository: Get https://s3.example/: dial tcp 192.0.2.1:443: i/o timeout";
    await using kopia = await misbehaving({ "repository sync-to": `exit: ${words}` });
    await expect(kopia.syncTo(place.copyAt, { mustExist: false })).rejects.toMatchObject({
      code: "store/failed",
      message: saying("the storage could not be reached (kopia: error listing BLOBs in destination repository"),
    });
    await rm(`${place.files}.misbehave`);
    await using other = await place.open();
    const nowhere = { kind: "filesystem", path: `${place.files}/not-there` } as const;
    await expect(other.syncTo(nowhere, { mustExist: false })).rejects.toMatchObject({ code: "store/missing" });
  });

  test("folders that killed processes left are removed, and no others", async () => {
    const own = await markInName();
    const [where = ""] = own.split("-");
    const names = {
      dead: `lifeboat-kopia-${where}-999999999-1-abcdef`,
      // Of a process id that is in use, by another process than the one that made it.
      reused: `lifeboat-kopia-${where}-${process.pid}-1-abcdef`,
      alive: `lifeboat-kopia-${own}-abcdef`,
      elsewhere: "lifeboat-kopia-00000000-999999999-1-abcdef",
      others: "lifeboat-kopia-something",
    };
    for (const name of Object.values(names)) await mkdir(join(place.temporary, name, "log"), { recursive: true });
    await using _kopia = await place.open();
    const left = await foldersOf(place);
    expect(
      Object.entries(names)
        .filter(([, name]) => !left.includes(name))
        .map(([what]) => what),
    ).toEqual(["dead", "reused"]);
    for (const name of Object.values(names)) await rm(join(place.temporary, name), { recursive: true, force: true });
  });

  test("one that hangs is ended by the signal of the repository", async () => {
    const stop = new AbortController();
    await writeFile(`${place.files}.misbehave`, JSON.stringify({ "repository status": "hang" }));
    await using kopia = await place.open({ signal: stop.signal });
    const asking = kopia.status();
    await until("it runs", 10_000, () => processesWith(place.temporary).length >= 2);
    stop.abort(new Error("stopped"));
    await expect(asking).rejects.toMatchObject({ code: "interrupted" });
    await expect(kopia.status()).rejects.toMatchObject({ code: "interrupted" });
  });

  test.each(["partial-json", "garbage"])("an answer that is none: %s", async (how) => {
    await using kopia = await misbehaving({ "snapshot list": how, "snapshot create": how, "maintenance info": how, "blob stats": how });
    const strange = { code: "store/failed", message: saying("kopia's answer is not understood"), hint: saying("doctor --tools") };
    await expect(kopia.list({})).rejects.toMatchObject(strange);
    await expect(kopia.maintenanceInfo()).rejects.toMatchObject(strange);
    await expect(kopia.blobStats()).rejects.toMatchObject(strange);
    await expect(upload(kopia)).rejects.toMatchObject(strange);
  });

  test("one that ends with 1 says why, and no secret", async () => {
    await using kopia = await misbehaving({ "snapshot list": `exit: it was ${PASSWORD}, at https://me:pw@host/` });
    await expect(kopia.list({})).rejects.toMatchObject({
      code: "store/failed",
      message: `cannot list the snapshots in ${place.files}: kopia ended with 1: it was ***, at https://***@host/`,
    });
  });

  test.each(["SIGKILL", "SIGSEGV", "SIGTERM"])("one that dies by %s", async (signal) => {
    await using kopia = await misbehaving({ "snapshot list": `signal: ${signal}`, "snapshot create": `signal: ${signal}` });
    await expect(kopia.list({})).rejects.toMatchObject({ code: "store/failed", message: saying(`ended by ${signal}`), retryable: true });
    await expect(upload(kopia)).rejects.toMatchObject({ code: "store/failed", message: saying(`ended by ${signal}`) });
  });

  test("a disk that fills up in the middle", async () => {
    await using kopia = await misbehaving({ "snapshot create": "takes-some: error writing pack: write /r/p/x.f: no space left on device" });
    await expect(upload(kopia)).rejects.toMatchObject({ code: "store/full", message: saying("there is no space left") });
    await rm(`${place.files}.misbehave`);
    expect(await kopia.list({ cluster: "bad" })).toEqual([]);
  });

  test("one that leaves its input unread and is content", async () => {
    await using kopia = await misbehaving({ "snapshot create": "exit-unread" });
    await expect(upload(kopia)).rejects.toMatchObject({ code: "store/failed", message: saying("kopia's answer is not understood") });
  });

  test("one that takes its input slowly holds the writer back", async () => {
    await using kopia = await misbehaving({ "snapshot create": "slow-stdin" });
    const writing = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: {} });
    let written = 0;
    for (let index = 0; index < 12; index++) {
      await writing.write({ bytes: Buffer.alloc(MIB / 2), release: () => {} });
      written += MIB / 2;
      const taken = Number(await readFile(`${place.files}.taken`, "utf8").catch(() => "0"));
      // One block waits; the rest is in the pipe and in the program's own buffers, which may not have said yet what they took.
      expect(written - taken).toBeLessThanOrEqual(4 * MIB);
    }
    await writing.kill();
  });

  test("a program that is gone", async () => {
    await using kopia = await place.open({ program: "/nonexistent/kopia" });
    await expect(kopia.status()).rejects.toMatchObject({ code: "config/not-found", hint: saying("doctor --tools") });
  });

  test("one that does not know a flag", async () => {
    await using kopia = await misbehaving({
      "repository status": "exit: kopia: error: unknown long flag '--disable-content-log', try --help",
    });
    await expect(kopia.status()).rejects.toMatchObject({ code: "config/invalid" });
  });

  test("what Kopia stored and is not what was sent is deleted", async () => {
    await using kopia = await place.open();
    await putSnapshot(kopia, Buffer.alloc(10), { cluster: "before" });
    await writeFile(`${place.files}.misbehave`, JSON.stringify({ "snapshot create": "loses-one-byte" }));
    await expect(upload(kopia, 1)).rejects.toMatchObject({ code: "store/failed", message: saying(`${MIB - 1} bytes of ${MIB}`) });
    expect(await kopia.list({ cluster: "bad" })).toEqual([]);
  });

  test("a record that cannot be read is not left out of a list in silence", async () => {
    const says = (text: string) => `says: unable to parse snapshot manifest ${"a".repeat(32)}: ${text}`;
    {
      await using kopia = await misbehaving({ "snapshot list": says("error decoding manifest: EOF") });
      await expect(kopia.list({})).rejects.toMatchObject({ code: "verify/checksum" });
    }
    await using kopia = await misbehaving({ "snapshot list": says("snapshot not found") });
    await expect(kopia.list({ cluster: "before" })).resolves.toBeDefined();
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function foldersOf({ temporary }: KopiaPlace): Promise<readonly string[]> {
  return (await readdir(temporary)).filter((name) => name.startsWith("lifeboat-kopia-"));
}
