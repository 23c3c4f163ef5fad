import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InstalledPrograms, requireToolsFolder } from "../../../shared/host/programs/installed-programs.ts";
import type { Places } from "../../../shared/host/programs/installed-programs.ts";
import { KOPIA } from "../../../shared/host/program-finder.ts";
import type { Program, Search } from "../../../shared/host/program-finder.ts";
import { requireEtcd } from "../../../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { systemClock } from "../../../shared/system-clock.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { saying } from "../../support/matchers.ts";
import { requireProgram } from "../../support/programs.ts";

/** Real programs behind links, in folders laid out as people have them. */

const ETCDUTL_36: Program = { name: "etcdutl", minor: "3.6" };
const AGE: Program = { name: "age" };
const { signal } = new AbortController();

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

let folders = 0;
/** A new folder with links to programs, and scripts. */
async function place(
  content: Readonly<Record<string, { readonly link: string } | { readonly script: string; readonly mode?: number }>>,
): Promise<string> {
  const path = join(folder.path, String(folders++));
  for (const [name, made] of Object.entries(content)) {
    const file = join(path, name);
    await mkdir(dirname(file), { recursive: true });
    if ("link" in made) await symlink(made.link, file);
    else {
      await writeFile(file, made.script);
      await chmod(file, made.mode ?? 0o755);
    }
  }
  return path;
}

function search(program: Program, places: Partial<Places>): Promise<Search> {
  const none = { toolsDir: undefined, packageFolder: undefined, checkoutFolder: join(folder.path, "none"), path: undefined };
  return new InstalledPrograms({ ...none, ...places }, systemClock).find(program, signal);
}

const etcdutl36 = (): { link: string } => ({ link: requireEtcd("3.6").etcdutl });
const etcdutl35 = (): { link: string } => ({ link: requireEtcd("3.5").etcdutl });
const age = (): { link: string } => ({ link: requireProgram("age") });

describe("the first place that has one wins", () => {
  test("tools.dir, the package, the checkout, PATH", async () => {
    const [toolsDir, packageFolder, checkoutFolder, onPath] = [
      await place({ age: age() }),
      await place({ age: age() }),
      await place({ age: age() }),
      await place({ age: age() }),
    ];
    const all: Places = { toolsDir, packageFolder, checkoutFolder, path: onPath };
    const from = async (places: Partial<Places>): Promise<unknown> => (await search(AGE, places)).found;
    expect(await from(all)).toEqual({ path: join(toolsDir, "age"), origin: "tools.dir", version: "1.3.2" });
    expect(await from({ ...all, toolsDir: undefined })).toMatchObject({ path: join(packageFolder, "age"), origin: "package" });
    expect(await from({ checkoutFolder, path: onPath })).toMatchObject({ path: join(checkoutFolder, "age"), origin: "checkout" });
    expect(await from({ path: onPath })).toMatchObject({ path: join(onPath, "age"), origin: "PATH" });
    expect(await from({})).toBeUndefined();
  });

  test("an empty or relative entry of PATH is no place", async () => {
    expect(await search(AGE, { path: ":.:bin:" })).toEqual({ program: AGE, found: undefined, passedOver: [] });
  });
});

describe("etcd's programs", () => {
  test("are found by minor in folders of their own", async () => {
    const toolsDir = await place({ "etcd-3.5/etcdutl": etcdutl35(), "etcd-3.6/etcdutl": etcdutl36() });
    const { version, etcdutl } = { version: "3.6.16", etcdutl: join(toolsDir, "etcd-3.6/etcdutl") };
    expect(await search(ETCDUTL_36, { toolsDir })).toEqual({
      program: ETCDUTL_36,
      found: { path: etcdutl, origin: "tools.dir", version },
      passedOver: [],
    });
  });

  test("are found by what they say in a flat folder, and one of another minor is passed over", async () => {
    const [flat35, flat36] = [await place({ etcdutl: etcdutl35() }), await place({ etcdutl: etcdutl36() })];
    expect(await search(ETCDUTL_36, { toolsDir: flat35, path: `${flat35}:${flat36}` })).toMatchObject({
      found: { path: join(flat36, "etcdutl"), origin: "PATH" },
      passedOver: [
        { path: join(flat35, "etcdutl"), origin: "tools.dir", reason: "is 3.5.35" },
        { path: join(flat35, "etcdutl"), origin: "PATH", reason: "is 3.5.35" },
      ],
    });
  });

  test("in a folder of another minor than they are do not serve", async () => {
    const toolsDir = await place({ "etcd-3.6/etcdutl": etcdutl35() });
    expect(await search(ETCDUTL_36, { toolsDir })).toMatchObject({ found: undefined, passedOver: [{ version: "3.5.35" }] });
  });
});

describe("a program that does not serve says why, and the search goes on", () => {
  test.each<readonly [string, { readonly script: string; readonly mode?: number }, string]>([
    ["that fails", { script: "#!/bin/sh\necho no >&2\nexit 3\n" }, "does not run: it ends with 3"],
    ["that may not be run", { script: "#!/bin/sh\n", mode: 0o644 }, "may not be run"],
    ["that is for another machine", { script: "\u007fELF\u0002\u0001\u0001" }, "does not run: "],
    ["that says something else", { script: "#!/bin/sh\necho hello\n" }, "does not say its version"],
  ])("one %s", async (_name, made, reason) => {
    const [toolsDir, path] = [await place({ age: made }), await place({ age: age() })];
    expect(await search(AGE, { toolsDir, path })).toMatchObject({
      found: { path: join(path, "age") },
      passedOver: [{ path: join(toolsDir, "age"), origin: "tools.dir", version: undefined, reason: saying(reason) }],
    });
  });

  test("one that hangs is ended, after 10 s or by whoever asked", async () => {
    const toolsDir = await place({ age: { script: '#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 1000\n' } });
    const pidOfRun = async (): Promise<number | undefined> => {
      const text = await readFile(join(toolsDir, "age.pid"), "utf8").catch(() => "");
      return text.endsWith("\n") ? Number(text) : undefined;
    };
    const ended = (pid: number): Promise<unknown> => until(`the end of ${pid}`, 5000, () => !isRunning(pid));
    const clock = new ManualClock();
    const places = { toolsDir, packageFolder: undefined, checkoutFolder: join(folder.path, "none"), path: undefined };

    const found = new InstalledPrograms(places, clock).find(AGE, signal);
    const late = await until("a running age", 5000, pidOfRun);
    clock.advance(10_000);
    expect(await found).toMatchObject({ found: undefined, passedOver: [{ reason: "did not answer within 10 s" }] });
    await ended(late);

    await rm(join(toolsDir, "age.pid"));
    const stop = new AbortController();
    const stopped = new InstalledPrograms(places, clock).find(AGE, stop.signal).catch((error: unknown) => error);
    const pid = await until("a running age", 5000, pidOfRun);
    const reason = new Error("enough");
    stop.abort(reason);
    expect(await stopped).toBe(reason);
    await ended(pid);
    expect(clock.waiting).toBe(0);
  });

  test("gets none of our environment", async () => {
    const toolsDir = await place({ age: { script: '#!/bin/sh\n[ -z "$HOME$ETCD_PASSWORD" ] && echo 1.0.0\n' } });
    expect(await search(AGE, { toolsDir })).toMatchObject({ found: { version: "1.0.0" } });
  });
});

describe("kopia", () => {
  const answering = (version: string) => ({ script: `#!/bin/sh\necho '${version}'\n` });
  const release = answering("0.23.1 build: 7a4c0f3a2b1c from: kopia/kopia");

  test("is found by its version, or as one that somebody built", async () => {
    const built = answering("v0-unofficial build: -(unknown_revision) from: ");
    expect(await search(KOPIA, { path: await place({ kopia: release }) })).toMatchObject({ found: { origin: "PATH", version: "0.23.1" } });
    expect(await search(KOPIA, { toolsDir: await place({ kopia: built }) })).toMatchObject({ found: { version: "0-unofficial" } });
  });

  test("that is too old is passed over", async () => {
    const toolsDir = await place({ kopia: answering("0.15.0 build: 1 from: kopia/kopia") });
    expect(await search(KOPIA, { toolsDir, path: await place({ kopia: release }) })).toMatchObject({
      found: { origin: "PATH" },
      passedOver: [{ origin: "tools.dir", version: "0.15.0", reason: "is 0.15.0, and 0.22.0 or later is needed" }],
    });
  });
});

describe("a tools.dir that cannot be one is told by its setting and path", () => {
  test("that is not there", async () => {
    const path = join(folder.path, "no-such");
    await expect(requireToolsFolder(path, "tools.dir in lifeboat.yaml")).rejects.toMatchObject({
      code: "config/invalid",
      message: saying(`tools.dir in lifeboat.yaml (${path}) cannot be read as a folder: ENOENT`),
      hint: saying("etcd-3.6/etcdutl"),
    });
  });

  test("that is a file", async () => {
    const path = join(await place({ age: age() }), "age");
    await expect(requireToolsFolder(path, "tools.dir")).rejects.toMatchObject({
      code: "config/invalid",
      message: saying("it is no folder"),
    });
  });

  test("that has none of our programs", async () => {
    const path = await place({ "other/age": age() });
    await expect(requireToolsFolder(path, "tools.dir")).rejects.toMatchObject({
      code: "config/invalid",
      message: saying("holds none of age, age-keygen, unzstd, kube-decode, etcdctl, etcdutl, kopia"),
    });
  });

  test("one program is enough", async () => {
    await requireToolsFolder(await place({ "etcd-3.7/etcdutl": etcdutl36() }), "tools.dir");
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
