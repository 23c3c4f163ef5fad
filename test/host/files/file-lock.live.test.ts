import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../shared/system-clock.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { FileLock } from "../../../shared/host/files/file-lock.ts";
import { saying } from "../../support/matchers.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const never = (): never => {
  throw new Error("had to wait");
};

test("a free lock is taken at once, and let go without a trace", async () => {
  const lock = new FileLock(folder, systemClock);
  const release = await lock.acquire("a", { timeoutMs: 0, onWait: never });
  expect(await readdir(folder)).toEqual(["a.lock"]);
  await release();
  expect(await readdir(folder)).toEqual([]);
});

test("names do not stand in each other's way", async () => {
  const lock = new FileLock(folder, systemClock);
  const first = await lock.acquire("a", { timeoutMs: 0, onWait: never });
  const second = await lock.acquire("b", { timeoutMs: 0, onWait: never });
  await first();
  await second();
});

test("who waits is told of the holder, and gets the lock when it is let go", async () => {
  const lock = new FileLock(folder, systemClock);
  const release = await lock.acquire("a", { timeoutMs: 0, onWait: never });
  const holder = Promise.withResolvers<string>();
  const second = lock.acquire("a", { timeoutMs: 10_000, onWait: holder.resolve });
  expect(await holder.promise).toMatch(new RegExp(`^process ${process.pid} since `));
  await release();
  await (
    await second
  )();
  expect(await readdir(folder)).toEqual([]);
});

test("eight at once: never two holders", async () => {
  const lock = new FileLock(folder, systemClock);
  let holders = 0;
  let most = 0;
  const use = async (): Promise<void> => {
    const release = await lock.acquire("a", { timeoutMs: 20_000, onWait: () => undefined });
    most = Math.max(most, ++holders);
    await new Promise((resolve) => setImmediate(resolve));
    holders--;
    await release();
  };
  await Promise.all(Array.from({ length: 8 }, use));
  expect(most).toBe(1);
});

test("waiting ends after its time with the holder's name, and leaves nothing", async () => {
  const lock = new FileLock(folder, systemClock);
  const release = await lock.acquire("a", { timeoutMs: 0, onWait: never });
  const late = lock.acquire("a", { timeoutMs: 300, onWait: () => undefined });
  await expect(late).rejects.toMatchObject({ code: "busy", message: saying(`held by process ${process.pid}`) });
  expect(await readdir(folder)).toEqual(["a.lock"]);
  await release();
});

test("waiting ends with the signal's reason", async () => {
  const lock = new FileLock(folder, systemClock);
  const release = await lock.acquire("a", { timeoutMs: 0, onWait: never });
  const stop = new AbortController();
  const waiting = lock.acquire("a", {
    timeoutMs: 60_000,
    signal: stop.signal,
    onWait: () => stop.abort(new LifeboatError("interrupted", "stopped")),
  });
  await expect(waiting).rejects.toMatchObject({ code: "interrupted", message: "stopped" });
  await release();
});

test("a holder that was killed holds nothing", async () => {
  const script = `
    import { FileLock } from ${JSON.stringify(new URL("../../../shared/host/files/file-lock.ts", import.meta.url).href)};
    import { systemClock } from ${JSON.stringify(new URL("../../../shared/system-clock.ts", import.meta.url).href)};
    await new FileLock(${JSON.stringify(folder)}, systemClock).acquire("a", { timeoutMs: 0, onWait() {} });
    process.stdout.write("held");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    const lock = new FileLock(folder, systemClock);
    await expect(lock.acquire("a", { timeoutMs: 0, onWait: () => undefined })).rejects.toThrow(`held by process ${child.pid}`);
    child.kill("SIGKILL");
    await once(child, "exit");
    await (
      await lock.acquire("a", { timeoutMs: 0, onWait: never })
    )();
    expect(await readdir(folder)).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});

test.each([
  ["another process that has its id now", JSON.stringify({ pid: process.pid, birth: "1", since: "then" })],
  ["a file that is no lock", "garbage"],
])("a lock left behind by %s is taken over", async (_name, content) => {
  await writeFile(join(folder, "a.lock"), content);
  await (
    await new FileLock(folder, systemClock).acquire("a", { timeoutMs: 0, onWait: never })
  )();
});

test("a folder that cannot be made is told", async () => {
  await writeFile(join(folder, "file"), "");
  const lock = new FileLock(join(folder, "file", "locks"), systemClock);
  await expect(lock.acquire("a", { timeoutMs: 0, onWait: never })).rejects.toMatchObject({
    code: "busy",
    message: saying("cannot lock"),
  });
});
