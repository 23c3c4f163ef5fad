import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { fill } from "../etcd/support/fill.ts";
import { processesWith } from "../store/kopia/program-under-test.ts";
import { newKopiaPlace, REAL_KOPIA } from "../support/kopia-place.ts";
import { lifeboat } from "../support/lifeboat.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { saying } from "../support/matchers.ts";
import type { Place } from "../support/place.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** A replica of a Kopia repository, with a key of its own: with a real kopia where LIFEBOAT_TEST_KOPIA names one, else with the stand-in. */

let folder: TemporaryFolder;
let cluster: EtcdCluster;
let place: Place;
beforeAll(async () => {
  [folder, cluster] = await Promise.all([temporaryFolder(), startCluster({ version: "3.6" })]);
  await fill(cluster, 4);
  place = await placeWithReplica("kopia");
  await run(0, "kopia", "init");
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

async function placeWithReplica(name: string): Promise<Place> {
  const made = await newKopiaPlace(cluster, folder.path, name);
  expect(await made.here("init", "--dir", "offsite")).toMatchObject({ code: 0 });
  const recipient = (await readFile(made.path("offsite/keys/wrapping.pub"), "utf8")).trim();
  await appendFile(
    made.path("lifeboat.yaml"),
    `
replicas:
  - name: offsite
    store:
      kind: kopia
      repository: { kind: filesystem, path: ./offsite/repository }
      manifests: { kind: directory, path: ./offsite/vault }
    wrap: { kind: local, recipient: ${recipient} }
`,
  );
  return made;
}

async function run(code: number, ...args: readonly string[]): Promise<string> {
  const outcome = await place.here(...args);
  expect(`${args.join(" ")}: ${outcome.code}: ${outcome.stderr}`).toMatch(new RegExp(`^[^]*?: ${code}: `));
  return outcome.stdout + outcome.stderr;
}

/** Whoever has the replica and its keys, and nothing else of the place but whom to believe. */
async function atReplica(...args: readonly string[]): ReturnType<typeof lifeboatHere> {
  const config = await readFile(place.path("offsite/lifeboat.yaml"), "utf8");
  const own = await readFile(place.path("lifeboat.yaml"), "utf8");
  const believed = /^trustedKeys:\n(?: {2}.*\n)+/m;
  const theirs = believed.exec(own)?.[0] ?? "";
  const audit = [theirs, believed.exec(config)?.[0] ?? ""].map((each) => /audit: \[(.*)\]/.exec(each)?.[1] ?? "");
  await writeFile(
    place.path("offsite/replica.yaml"),
    config
      .replace(believed, theirs.replace(/audit: \[.*\]/, `audit: [${audit.join(", ")}]`))
      .replace(/^clusters:[^]*/m, (/^clusters:[^]*?(?=^replicas:)/m.exec(own)?.[0] ?? "").replace(/\n *requireReplica: .*/, ""))
      .replace(
        /^store:\n(?: {2}.*\n)+/m,
        "store:\n  kind: kopia\n  repository: { kind: filesystem, path: ./repository }\n  manifests: { kind: directory, path: ./vault }\n",
      )
      .replace(/^tools:.*$/m, "tools: { dir: ../tools }"),
  );
  return lifeboatHere([...args, "--config", "replica.yaml"], { cwd: place.path("offsite") });
}

const listing = z.object({ snapshots: z.array(z.object({ id: z.string() })) });
async function idsAtReplica(): Promise<readonly string[]> {
  return listing.parse(JSON.parse((await atReplica("ls", "prod", "--json")).stdout)).snapshots.map(({ id }) => id);
}

async function inKopia(of: Promise<{ readonly stdout: string }>): Promise<number> {
  return z.object({ snapshots: z.number() }).parse(JSON.parse((await of).stdout)).snapshots;
}

describe("a replica of a Kopia repository", () => {
  test("is filled by a backup, and ls and show say so", async () => {
    const { code, stdout, stderr } = await place.here("backup", "prod", "--slot", RECENT_SLOT, "--json");
    expect(`${code}: ${stderr}`).toMatch(/^0: /);
    expect(JSON.parse(stdout)).toMatchObject({ replicas: [{ name: "offsite", outcome: "copied", conflicts: [], error: null }] });
    expect(await readdir(place.path("offsite/vault/kopia"))).toEqual(["1.json"]);
    expect(await run(0, "ls", "prod")).toMatch(/replica offsite: +has it/);
    expect(await run(0, "show", "prod/latest")).toMatch(/replica offsite: +present/);
    expect(await run(0, "custody", "prod", "--verify")).toMatch(/ copied .* to offsite/);
  });

  test("takes along what was said since, and is whole already", async () => {
    await run(0, "verify", "prod/latest", "--deep");
    await run(0, "pin", "prod/latest", "--reason", "audit");
    expect(await run(0, "copy", "prod/latest", "--to", "offsite")).toMatch(
      /is in offsite: there already, and whole, with [1-9]\d* more documents/,
    );
    const pinned = await atReplica("show", `prod/${RECENT_ID}`);
    expect(pinned.stdout).toMatch(/pinned/);
    await run(0, "unpin", "prod/latest", "--reason", "done");
    expect(await run(0, "copy", "prod/latest", "--to", "offsite")).toContain("there already, and whole");
  });

  test("is read in place of the store, by its keys and by others", async () => {
    for (const [command, ...flags] of [["verify", "--deep"], ["status"], ["show"]] as const)
      await run(0, command, "prod/latest", ...flags, "--from", "offsite");
    await run(0, "export", "prod/latest", "--out", "own.db");
    await rename(place.path("keys/wrapping.key"), place.path("lost.key"));
    await run(5, "export", "prod/latest", "--out", "out.db", "--from", "offsite");
    for (const identity of ["offsite/keys/wrapping.key", "break-glass.key"]) {
      await run(0, "export", "prod/latest", "--out", "out.db", "--from", "offsite", "--identity", identity);
      expect((await readFile(place.path("out.db"))).equals(await readFile(place.path("own.db")))).toBe(true);
      await rm(place.path("out.db"));
    }
    await rename(place.path("lost.key"), place.path("keys/wrapping.key"));
  });

  test("is enough by itself, with its own key", async () => {
    expect(await atReplica("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
    expect(await atReplica("export", "prod/latest", "--out", "replica.db")).toMatchObject({ code: 0 });
    expect((await readFile(place.path("offsite/replica.db"))).equals(await readFile(place.path("own.db")))).toBe(true);
    expect(await atReplica("custody", "prod", "--verify", "--replica")).toMatchObject({ code: 0 });
    expect(await atReplica("orphans", "prod", "--older-than", "0s")).toMatchObject({ code: 0, stdout: saying("no orphans") });
  });

  test("is not maintained while copies go to it", async () => {
    const refused = await atReplica("kopia", "maintain");
    expect(refused).toMatchObject({ code: 2, stderr: saying("is a replica, or was one") });
    expect(refused.stderr).toContain("lifeboat kopia maintain --taken-over");
    await run(0, "kopia", "maintain");
  });

  test("is named where the store's repository is gone, with the line that works", async () => {
    await rename(place.path("repository"), place.path("unmounted"));
    const { code, stderr } = await place.here("export", "prod/latest", "--out", "out.db");
    expect(code).toBe(5);
    const [, line = ""] = /the replica offsite has a (?:whole )?copy[^:]*: lifeboat ([^;\n]+)/.exec(stderr) ?? [];
    await run(0, ...line.split(" "));
    await rename(place.path("unmounted"), place.path("repository"));
  });

  test("opens by what rewrap wraps, once that was copied", async () => {
    await place.edit("lifeboat.yaml", (text) => text.replace(/^ {4}wrap: .*\n/m, ""));
    expect(await run(0, "rewrap")).toMatch(/\(kopia\/2\.json\): rewrapped/);
    await run(0, "copy", "prod/latest", "--to", "offsite");
    expect(await atReplica("verify", "prod/latest", "--deep")).toMatchObject({ code: 5, stderr: saying("wrapping.key has ") });
    const recipient = (await readFile(place.path("offsite/keys/wrapping.pub"), "utf8")).trim();
    await appendFile(place.path("lifeboat.yaml"), `    wrap: { kind: local, recipient: ${recipient} }\n`);
    expect(await run(0, "rewrap", "--dry-run")).toMatch(/would be rewrapped/);
    const rewrapped = await run(0, "rewrap");
    expect(rewrapped).toMatch(/\(kopia\/3\.json\): rewrapped/);
    expect(rewrapped).toContain(`of a replica: ${recipient}`);
    await run(0, "copy", "prod/latest", "--to", "offsite");
    expect(await atReplica("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
  });

  test("holds retention back until it has what stays in place of a snapshot, and loses with the next copy what the store removed", async () => {
    await cluster.etcdctl(["put", "/registry/configmaps/b", "value"]);
    await run(0, "backup", "prod", "--no-copy");
    await run(0, "verify", "prod/latest", "--deep");
    const strict = (text: string): string =>
      text
        .replace(/^( +latest:) \d+/m, "$1 1")
        .replace(/^( +(?:hourly|daily|weekly|monthly|annual):) \d+/gm, "$1 0")
        .replace(/^( +minAge:) .*/m, "$1 1s\n      requireReplica: [offsite]");
    await place.edit("lifeboat.yaml", strict);
    expect(await run(0, "prune", "prod", "--dry-run")).toMatch(/is missing in the replica offsite/);
    await run(0, "copy", "prod/latest", "--to", "offsite");
    expect(await run(0, "prune", "prod")).toMatch(/removed \d+ objects? of 1 snapshot/);
    expect(await inKopia(atReplica("kopia", "status", "--json"))).toBe(2);
    await run(0, "copy", "prod/latest", "--to", "offsite");
    expect(await inKopia(atReplica("kopia", "status", "--json"))).toBe(1);
    // Its manifest is there until retention runs there, too.
    expect(await idsAtReplica()).toContain(RECENT_ID);
    expect(await atReplica("verify", `prod/${RECENT_ID}`)).toMatchObject({ code: 4, stderr: saying("is not in") });
    await place.edit("lifeboat.yaml", (text) => text.replace(/\n *requireReplica: .*/, ""));
    const pruned = await atReplica("prune", "prod");
    expect(`${pruned.code}: ${pruned.stdout}`).toMatch(/^0: [^]*removed \d+ objects? of 1 snapshot/);
    expect(await idsAtReplica()).not.toContain(RECENT_ID);
    expect(await atReplica("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
    await run(0, "copy", "prod/latest", "--to", "offsite");
  });
});

describe("nothing is copied", () => {
  test("to a disk that is not mounted, nor to a replica of another repository", async () => {
    await rename(place.path("offsite/repository"), place.path("offsite/elsewhere"));
    expect(await run(5, "copy", "prod/latest", "--to", "offsite")).toMatch(/cannot .*offsite\/repository: there is no Kopia repository/);
    await mkdir(place.path("offsite/repository"));
    expect(await run(5, "copy", "prod/latest", "--to", "offsite")).toMatch(/there is no Kopia repository/);
    expect((await readdir(place.path("offsite/repository"))).filter((name) => !name.startsWith("."))).toEqual([]);
    await rm(place.path("offsite/repository"), { recursive: true });
    await rename(place.path("offsite/elsewhere"), place.path("offsite/repository"));

    const other = await placeWithReplica("another");
    expect(await other.here("kopia", "init")).toMatchObject({ code: 0 });
    expect(await other.here("backup", "prod", "--no-copy")).toMatchObject({ code: 0 });
    const to = async (change: (text: string) => string): Promise<string> => {
      const before = await readFile(other.path("lifeboat.yaml"), "utf8");
      await other.edit("lifeboat.yaml", change);
      const { code, stderr } = await other.here("copy", "prod/latest", "--to", "offsite");
      await writeFile(other.path("lifeboat.yaml"), before);
      return `${code}: ${stderr}`;
    };
    const repository = place.path("offsite/repository");
    expect(await to((text) => text.replace("./offsite/repository", repository))).toMatch(/^5: .*another Kopia repository is there/);
    expect(await to((text) => text.replace("./offsite/repository", place.path("offsite")))).toMatch(
      /^5: .*there is something else in .*offsite/,
    );
    expect(await inKopia(atReplica("kopia", "status", "--json"))).toBe(1);
  });

  test("that would take from the replica what the store has lost, and the replica gives it back", async () => {
    await run(0, "export", "prod/latest", "--out", "before.db");
    // By somebody who has the password, and not by lifeboat: as the stand-in keeps it, or by the real program.
    await deleteInKopia();
    await run(0, "backup", "prod", "--no-copy");
    const [, lost = ""] =
      /prod\/(\d{8}T\d{6}Z) is in no Kopia repository but that of the replica offsite/.exec(
        await run(4, "copy", "prod/latest", "--to", "offsite"),
      ) ?? [];
    expect(await inKopia(atReplica("kopia", "status", "--json"))).toBe(1);
    await run(0, "export", `prod/${lost}`, "--from", "offsite", "--out", "saved.db");
    expect((await readFile(place.path("saved.db"))).equals(await readFile(place.path("before.db")))).toBe(true);
  });
});

/** Removes every snapshot from the store's repository. */
async function deleteInKopia(): Promise<void> {
  if (REAL_KOPIA === undefined) {
    const file = place.path("repository/kopia.repository.f");
    await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, "utf8")) as object), snapshots: [] }));
    return;
  }
  const format = await readFile(new URL("../../docs/format.md", import.meta.url), "utf8");
  const script = /<!-- test: open-kopia-by-hand -->\n```sh\n([\s\S]*?)```/.exec(format)?.[1] ?? "";
  const manifest = (await place.stored()).find((key) => key.includes("/snapshots/")) ?? "";
  const deleting = script
    .replace("--readonly", "")
    .replace(/^kopia show .*$/m, "kopia snapshot list --all --json | jq -r '.[].id' | xargs -n 1 kopia snapshot delete --delete; exit 0");
  const tools = [place.path("tools"), new URL("../../tools/bin", import.meta.url).pathname, process.env["PATH"]].join(":");
  await execa("sh", ["-c", deleting], {
    extendEnv: false,
    env: {
      WRAPPING_IDENTITY: place.path("keys/wrapping.key"),
      OUT: place.path("none.db"),
      PATH: tools,
      HOME: folder.path,
      STORE: place.path("vault"),
      REPOSITORY: place.path("repository"),
      MANIFEST: place.path(`vault/${manifest}`),
    },
  });
}

test("a copy that is killed in the middle leaves no process, and the next one ends the work", async () => {
  place = await placeWithReplica("killed");
  await run(0, "kopia", "init");
  await run(0, "backup", "prod", "--no-copy");
  const temporary = place.path("temporary");
  await mkdir(temporary);
  if (REAL_KOPIA === undefined)
    await writeFile(place.path("repository.misbehave"), JSON.stringify({ "repository sync-to": "hang-after-one" }));
  let pid = 0;
  const copying = lifeboat(["copy", "prod/latest", "--to", "offsite"], {
    ...place.options,
    env: { ...place.options.env, TMPDIR: temporary },
    onStart: (id) => (pid = id),
  });
  await until("the copy has begun", 30_000, async () =>
    (await readdir(place.path("offsite/repository")).catch(() => [])).some((name) => name.startsWith("kopia.repository.f")),
  );
  process.kill(pid, "SIGKILL");
  expect(await copying).toMatchObject({ signal: "SIGKILL" });
  await until("no process of it", 10_000, () => processesWith(temporary).length === 0);
  expect(await readdir(place.path("offsite/vault")).catch(() => [])).not.toContain("clusters");
  await rm(place.path("repository.misbehave"), { force: true });
  const next = await lifeboat(["copy", "prod/latest", "--to", "offsite"], {
    ...place.options,
    env: { ...place.options.env, TMPDIR: temporary },
  });
  expect(next).toMatchObject({ code: 0, stdout: saying("is in offsite: copied") });
  // Nor the folder of the one that was killed.
  expect((await readdir(temporary)).filter((name) => name.startsWith("lifeboat-kopia-"))).toEqual([]);
  expect(await atReplica("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
});
