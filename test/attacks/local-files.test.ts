import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FileLock } from "../../shared/host/files/file-lock.ts";
import { createLocalKeys } from "../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

/** Another user of this machine (issue 6a, 12): what lies in a key folder or in the folder for temporary files was taken whoever owned it. */

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

let folder: string;
let keys: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-attack-"));
  keys = join(folder, "keys");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const wrappingKey = (): Promise<unknown> => new LocalKeyRing(keys).wrappingKey();
const pub = (): string => join(keys, "wrapping.pub");

describe("a recipient of the attacker's in wrapping.pub, by which every snapshot to come could be read", () => {
  beforeEach(async () => {
    await createLocalKeys(keys);
    await writeFile(pub(), `${(await newIdentity()).recipient}\n`);
  });

  const refused = async (problem: string): Promise<void> => {
    expect(await failureOf(wrappingKey())).toMatchObject({ code: "keys/invalid", message: saying(problem), hint: saying("chmod go-w") });
  };

  test("in a file that others may write to is refused", async () => {
    await chmod(pub(), 0o666);
    await refused(`${pub()} may be changed by others than its owner (mode 0666)`);
  });

  test("in a folder that others may write to is refused", async () => {
    await chmod(keys, 0o777);
    await refused(`is in ${keys}, which may be changed by others`);
  });

  test.runIf(isRoot)("in a file of another user is refused", async () => {
    await chown(pub(), NOBODY, NOBODY);
    await refused(`${pub()} belongs to another user (uid ${NOBODY})`);
  });

  test.runIf(isRoot)("behind a link of another user is refused, in a folder where everybody may make files", async () => {
    await rename(pub(), join(keys, "moved.pub"));
    await symlink("moved.pub", pub());
    expect(await wrappingKey()).toBe((await readFile(pub(), "utf8")).trim());
    await chmod(keys, 0o1777);
    execFileSync("chown", ["-h", String(NOBODY), pub()]);
    await refused(`${pub()} belongs to another user (uid ${NOBODY})`);
  });

  test("in a pipe neither hangs nor is taken", async () => {
    await rm(pub());
    execFileSync("mkfifo", [pub()]);
    expect(await failureOf(wrappingKey())).toMatchObject({ code: "keys/invalid", message: saying("is not a file") });
  });
});

describe("the folder of locks, made before lifeboat first runs", () => {
  const locks = (): string => join(folder, "etcd-lifeboat");
  const acquire = (): Promise<() => Promise<void>> =>
    new FileLock(locks(), systemClock).acquire("backup", { timeoutMs: 0, onWait: () => undefined });
  /** A lock of a process that never ends, which all backups would wait for. */
  const held = (): Promise<void> =>
    writeFile(join(locks(), "backup.lock"), JSON.stringify({ pid: process.ppid, birth: "", since: "2026-11-21T10:00:00Z" }));

  test("with access for others is refused, whatever is in it", async () => {
    await mkdir(locks());
    await chmod(locks(), 0o777);
    await held();
    expect(await failureOf(acquire())).toMatchObject({
      code: "busy",
      message: `the folder of locks ${locks()} is open to others than its owner (mode 0777)`,
      hint: saying("XDG_RUNTIME_DIR"),
    });
  });

  test.runIf(isRoot)("by another user is refused", async () => {
    await mkdir(locks(), { mode: 0o700 });
    await chown(locks(), NOBODY, NOBODY);
    expect(await failureOf(acquire())).toMatchObject({ code: "busy", message: saying(`belongs to another user (uid ${NOBODY})`) });
  });

  test("as a link is refused", async () => {
    await mkdir(join(folder, "elsewhere"), { mode: 0o700 });
    await symlink("elsewhere", locks());
    expect(await failureOf(acquire())).toMatchObject({ code: "busy", message: saying("is a link or a file") });
  });

  test("in a folder that others may change is refused, where they could put another in its place", async () => {
    await mkdir(locks(), { mode: 0o700 });
    await chmod(folder, 0o777);
    expect(await failureOf(acquire())).toMatchObject({ code: "busy", message: saying(`is in ${folder}, which may be changed by others`) });
    // In /tmp nobody can.
    await chmod(folder, 0o1777);
    await (
      await acquire()
    )();
  });

  test("with a pipe in the place of a lock does not hang", async () => {
    await mkdir(locks(), { mode: 0o700 });
    execFileSync("mkfifo", [join(locks(), "backup.lock")]);
    await (
      await acquire()
    )();
  });
});
