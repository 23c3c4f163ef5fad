import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { newKopiaPlace, REAL_KOPIA } from "../support/kopia-place.ts";
import { requireDocument } from "../support/printed.ts";
import type { Place } from "../support/place.ts";
import { RESTORE_SH } from "../support/restore-bundle.ts";
import { saying } from "../support/matchers.ts";
import { skipWithout } from "../support/programs.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** A store in a Kopia repository, from `kopia init` to the removal of a snapshot: with a real kopia where LIFEBOAT_TEST_KOPIA names one, else with the stand-in. */

interface JsonBundle {
  readonly bundleKey: string;
  readonly payload: { readonly file: string };
  readonly controls: readonly { readonly file: string }[];
}

let folder: TemporaryFolder;
let cluster: EtcdCluster;
let place: Place;

beforeAll(async () => {
  [folder, cluster] = await Promise.all([temporaryFolder(), startCluster({ version: "3.6" })]);
  await cluster.etcdctl(["put", "/registry/configmaps/a", "value"]);
  place = await newKopiaPlace(cluster, folder.path, "kopia");
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

async function run(code: number, ...args: readonly string[]): Promise<string> {
  const { code: actual, stdout, stderr } = await place.here(...args);
  expect(`${args.join(" ")}: ${actual}: ${stderr}`).toMatch(new RegExp(`^[^]*?: ${code}: `));
  return stdout + stderr;
}

describe("a store in a Kopia repository", () => {
  test("is refused before there is a repository, and says what to do", async () => {
    const refused = await place.here("backup", "prod");
    expect(refused.stderr).toMatch(/there is no password of a Kopia repository/);
    expect(refused.stderr).toMatch(/lifeboat kopia init/);
    expect(refused.code).not.toBe(0);
  });

  test("is made once, with a password that nobody sees", async () => {
    const { code, stdout } = await place.here("kopia", "init", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "created",
      password: "kopia/1.json",
      splitter: "FIXED-128K",
    });
    expect(await run(0, "kopia", "init")).toMatch(/found, and set again,/);
    expect(await place.stored()).toContain("kopia/1.json");
  });

  test("takes a backup, which is shown, verified, exported and countersigned", async () => {
    expect(await run(0, "backup", "prod", "--slot", RECENT_SLOT)).toMatch(/^stored: +in Kopia,/m);
    expect((await place.stored()).filter((key) => key.includes("/data/"))).toEqual([]);
    expect(await run(0, "show", "prod/latest")).toMatch(/kopia repository [0-9a-f]{64}/);
    await run(0, "verify", "prod/latest");
    await run(0, "verify", "prod/latest", "--deep");
    await run(0, "export", "prod/good", "--out", place.path("snapshot.db"));
    const status = await run(0, "status", "prod/good");
    expect(status).toMatch(/revision/i);
    expect(await run(0, "ls", "prod")).toContain(RECENT_ID);
    expect(await run(0, "custody", "prod", "--verify")).not.toMatch(/finding/i);
  });

  test("is looked into, as any snapshot is", async () => {
    expect(await run(0, "find", "prod/good")).toMatch(/configmaps +a /);
    expect(await run(0, "get", "prod/good", "/registry/configmaps/a")).toContain("value");
  });

  test("opens by break-glass in place of the keys, and by nothing else", async () => {
    const out = place.path("by-break-glass.db");
    await run(0, "export", "prod/good", "--identity", place.path("break-glass.key"), "--out", out);
    expect((await readFile(out)).equals(await readFile(place.path("snapshot.db")))).toBe(true);
  });

  test.skipIf(skipWithout("kopia", REAL_KOPIA !== undefined))("opens with kopia alone, as docs/format.md says", async () => {
    const format = await readFile(new URL("../../docs/format.md", import.meta.url), "utf8");
    const script = /<!-- test: open-kopia-by-hand -->\n```sh\n([\s\S]*?)```/.exec(format)?.[1] ?? "";
    expect(script).toContain("kopia show");
    for (const key of [
      { WRAPPING_IDENTITY: place.path("keys/wrapping.key"), OUT: place.path("by-hand-1.db") },
      { BREAK_GLASS_IDENTITY: place.path("break-glass.key"), OUT: place.path("by-hand-2.db") },
    ]) {
      const tools = [place.path("tools"), fileURLToPath(new URL("../../tools/bin", import.meta.url)), process.env["PATH"]].join(":");
      const { stdout } = await execa("sh", ["-c", script], {
        extendEnv: false,
        env: {
          ...key,
          PATH: tools,
          HOME: folder.path,
          STORE: place.path("vault"),
          REPOSITORY: place.path("repository"),
          MANIFEST: place.path(`vault/clusters/prod/snapshots/${RECENT_ID}.json`),
        },
      });
      expect(stdout).toContain(": OK");
      expect((await readFile(key.OUT)).equals(await readFile(place.path("snapshot.db")))).toBe(true);
    }
  });

  test("gives a bundle to a node, whose payload is sealed on the way out", async () => {
    const { identity, recipient } = await newIdentity();
    await writeFile(place.path("node.key"), `${identity}\n`, { mode: 0o600 });
    const to = ["--unenrolled", recipient, "--reason", "a test"] as const;
    const refused = await place.here("bundle", "prod", ...to, "--publish");
    expect(refused.stderr).toMatch(
      /is in a Kopia repository: a bundle has its data sealed beside it, in a folder, and cannot be published/,
    );
    const made = await place.here("bundle", "prod", ...to, "--out", "bundle", "--json");
    expect(made.code, made.stderr).toBe(0);
    const { bundleKey, payload, controls } = JSON.parse(made.stdout) as JsonBundle;
    expect(payload).toMatchObject({ file: `prod-${RECENT_ID}.age`, included: true });
    expect(await run(0, "bundle", "--inspect", "bundle", "--identity", "node.key")).not.toMatch(/fault/);
    expect((await readdir(folder.path, { recursive: true })).filter((name) => name.endsWith(".partial"))).toEqual([]);
    const args = ["--dir", place.path("bundle"), "--bundle", controls[0]?.file ?? "", "--fingerprint", bundleKey];
    await execa(RESTORE_SH, ["export", ...args, "--identity", place.path("node.key"), "--out", place.path("on-the-node.db")]);
    expect((await readFile(place.path("on-the-node.db"))).equals(await readFile(place.path("snapshot.db")))).toBe(true);
    // Damage is seen without any key.
    const sealed = await readFile(place.path(`bundle/${payload.file}`));
    sealed.writeUInt8(sealed.readUInt8(sealed.length >> 1) ^ 1, sealed.length >> 1);
    await writeFile(place.path(`bundle/${payload.file}`), sealed);
    expect(await run(4, "bundle", "--inspect", "bundle")).toMatch(/has another SHA-256 than the plan says/);
  });

  test("is drilled like any other, from a payload that is sealed for the drill", async () => {
    const drilled = await place.here("drill", "prod", "--work", ".", "--json");
    expect(drilled.stderr).not.toMatch(/FAILED/);
    expect(drilled).toMatchObject({ code: 0 });
    expect(JSON.parse(drilled.stdout)).toMatchObject({ outcome: "passed", notCompared: [], failure: null });
    expect((await readdir(place.path("."))).filter((name) => name.includes("drill-"))).toEqual([]);
  });

  test("has its password wrapped once for all snapshots, and is then closed to a former break-glass identity", async () => {
    expect(await run(0, "rewrap", "prod")).toMatch(/has no key of its own/);
    await place.edit("lifeboat.yaml", (text) => text.replace(/^breakGlass:.*\n(?: {2}- .*\n)*/m, "breakGlass: []\n"));
    expect(await run(0, "rewrap")).toMatch(/password of the Kopia repository \(kopia\/2\.json\): rewrapped/);
    await run(0, "verify", "prod/good", "--deep");
    const refused = await place.here("export", "prod/good", "--identity", place.path("break-glass.key"), "--out", place.path("refused.db"));
    expect(refused).toMatchObject({ code: 5, stderr: saying("is encrypted to none of the 1 given identities") });
  });

  test("is pinned, in both places, and unpinned", async () => {
    await run(0, "pin", "prod/good", "--reason", "audit");
    await run(0, "verify", "prod/good");
    await run(0, "unpin", "prod/good", "--reason", "done");
  });

  test("is told by doctor to let the writer read, and looked at", async () => {
    const looked = await run(0, "doctor", "--store");
    expect(looked).toMatch(/whoever backs up can read and delete/);
    expect(looked).not.toMatch(/kopia repository/);
    await rename(place.path("repository"), place.path("elsewhere"));
    expect(await run(6, "doctor", "--store")).toMatch(/problem: kopia repository: .*there is no Kopia repository/);
    await rename(place.path("elsewhere"), place.path("repository"));
  });

  test("is shown and maintained", async () => {
    expect(await run(0, "kopia", "status")).toMatch(/snapshots: +1\n/);
    expect(await run(0, "kopia", "maintain")).toMatch(/full maintenance of/);
    for (const [name, ...args] of [
      ["kopiaInit", "init"],
      ["kopiaStatus", "status"],
      ["kopiaMaintain", "maintain", "--quick"],
    ] as const)
      requireDocument(name, (await place.here("kopia", ...args, "--json")).stdout);
    expect(await run(0, "orphans", "prod")).toMatch(/no orphans/);
  });

  test("shows the sizes of whole snapshots as nothing else", async () => {
    expect(await run(0, "plan", "prod")).toMatch(/Kopia keeps once what they share: lifeboat kopia status/);
  });

  test("loses by retention what a later snapshot displaces, in Kopia too", async () => {
    await cluster.etcdctl(["put", "/registry/configmaps/b", "value"]);
    // A build from source, which says no version.
    await mkdir(place.path("unofficial"));
    const unofficial = `#!/bin/sh\nif [ "$1" = --version ]; then echo "v0-unofficial build: unknown from: unknown"; else exec ${place.path("tools/kopia")} "$@"; fi\n`;
    await writeFile(place.path("unofficial/kopia"), unofficial, { mode: 0o755 });
    await place.edit("lifeboat.yaml", (text) => text.replace("./tools }", "./unofficial }"));
    expect(await run(0, "backup", "prod")).toMatch(/warning: .*unofficial\/kopia is built from source and says no version/);
    await place.edit("lifeboat.yaml", (text) => text.replace("./unofficial }", "./tools }"));
    await run(0, "verify", "prod/latest", "--deep");
    await place.edit("lifeboat.yaml", (text) =>
      text
        .replace(/^( +latest:) \d+/m, "$1 1")
        .replace(/^( +(?:hourly|daily|weekly|monthly|annual):) \d+/gm, "$1 0")
        .replace(/^( +minAge:) \S+/m, "$1 1s"),
    );
    expect(await run(0, "diff", `prod/${RECENT_ID}`, "prod/latest")).toMatch(/configmaps.* b/);
    await run(0, "prune", "prod", "--order");
    const removed = await run(0, "prune", "prod", "--execute");
    expect(removed).toMatch(/removed \d+ objects? of 1 snapshot, .*; lifeboat kopia maintain gives their space back/);
    expect(removed).not.toContain("freed");
    expect(await run(0, "ls", "prod")).not.toContain(RECENT_ID);
    expect(await run(0, "kopia", "status")).toMatch(/snapshots: +1\n/);
    await run(0, "export", "prod/good", "--out", place.path("kept.db"));
    await run(0, "custody", "prod", "--verify");
  });
});
