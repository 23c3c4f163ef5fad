import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lifeboatHere, lifeboatJsonHere } from "../../support/lifeboat-here.ts";
import { anyText, saying } from "../../support/matchers.ts";
import { copyOf, dataFile, flip, useTwoSnapshots } from "../../support/two-snapshots.ts";

/** The command as a person meets it: content that is not what was signed, and keys that are missing or others. */

const made = useTwoSnapshots();

describe("exit code 4 where content is not what was signed", () => {
  test.each<readonly [string, (cwd: string, id: string) => Promise<void>, RegExp]>([
    ["a flipped bit in the data", async (cwd, id) => flip(await dataFile(cwd, id), 5000), /checksum/],
    ["data that is gone", async (cwd, id) => rm(await dataFile(cwd, id)), /is not in /],
    [
      "data that is cut short",
      async (cwd, id) => writeFile(await dataFile(cwd, id), (await readFile(await dataFile(cwd, id))).subarray(0, -1)),
      /bytes; its manifest says/,
    ],
    [
      "another snapshot's data",
      async (cwd, id) => rename(await dataFile(cwd, made.ids[0]), await dataFile(cwd, id)),
      /bytes; its manifest says|checksum/,
    ],
    ["a manifest that is no JSON", async (cwd, id) => writeFile(join(cwd, `vault/clusters/prod/snapshots/${id}.json`), "{"), /is not JSON/],
    [
      "a flipped bit in the signed payload",
      async (cwd, id) => flip(join(cwd, `vault/clusters/prod/snapshots/${id}.json`), 2000),
      /signature|not a valid|not JSON|not a signed envelope/,
    ],
  ])("%s", async (name, damage, message) => {
    const copy = await copyOf(made, name.replaceAll(" ", "-"));
    await damage(copy.cwd, made.ids[1]);
    for (const args of [
      ["verify", "prod/latest"],
      ["verify", "prod/latest", "--deep"],
      ["verify", `prod/${made.ids[1]}`],
    ]) {
      const { code, stdout, stderr } = await lifeboatHere(args, copy);
      expect({ args, code, stdout }).toEqual({ args, code: 4, stdout: "" });
      expect(stderr).toMatch(message);
    }
    const exported = await lifeboatHere(["export", `prod/${made.ids[1]}`, "--out", "out.db"], copy);
    expect(exported.code).toBe(4);
    expect((await readdir(copy.cwd)).toSorted()).toEqual([".state", "break-glass.key", "keys", "lifeboat.yaml", "vault"]);
    expect(await readdir(join(copy.cwd, "vault/clusters/prod/verified"))).toHaveLength(1);
  });

  test("a manifest that does not hold is listed as such, with exit code 6", async () => {
    const copy = await copyOf(made, "listed");
    await flip(join(copy.cwd, `vault/clusters/prod/snapshots/${made.ids[1]}.json`), 2000);
    const { code, stdout } = await lifeboatHere(["ls", "--json"], copy);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      snapshots: [
        { id: made.ids[0], proof: anyText },
        { id: made.ids[1], error: { code: saying("verify/") } },
      ],
    });
    const latest = await lifeboatHere(["verify", "prod/latest"], copy);
    expect(latest).toMatchObject({ code: 4 });
    expect(latest.stderr).toContain(`the next older one is prod/${made.ids[0]}`);
  });
});

describe("keys", () => {
  test("a break-glass identity opens a snapshot where every other key is gone", async () => {
    const copy = await copyOf(made, "break-glass");
    await rm(join(copy.cwd, "keys"), { recursive: true });
    const without = await lifeboatHere(["export", "prod/latest", "--out", "out.db"], copy);
    expect(without).toMatchObject({ code: 5, stdout: "" });
    expect(without.stderr).toContain("wrapping.key");
    const { code } = await lifeboatHere(["export", "prod/latest", "--out", "out.db", "--identity", "break-glass.key"], copy);
    expect(code).toBe(0);
  });

  test("another identity does not, and leaves nothing", async () => {
    const copy = await copyOf(made, "stranger");
    await lifeboatHere(["init", "--dir", "stranger"], copy);
    const { code, stderr } = await lifeboatHere(
      ["export", "prod/latest", "--out", "out.db", "--identity", "stranger/break-glass.key"],
      copy,
    );
    expect(code).toBe(5);
    expect(stderr).not.toContain("AGE-SECRET-KEY");
    expect(await readdir(copy.cwd)).not.toContain("out.db");
  });

  test("a host with what backing up needs and no more backs up, and cannot read", async () => {
    const copy = await copyOf(made, "writer");
    for (const name of ["wrapping.key", "audit.key", "bundle.key"]) await rm(join(copy.cwd, "keys", name));
    expect(await lifeboatJsonHere(["backup", "prod"], copy)).toMatchObject({ existing: false });
    expect(await lifeboatHere(["verify", "prod/latest", "--deep"], copy)).toMatchObject({ code: 5, stdout: "" });
    expect(await lifeboatHere(["export", "prod/good", "--out", "out.db"], copy)).toMatchObject({ code: 5, stdout: "" });
  });

  test("a backup that nobody would believe is not taken", async () => {
    const copy = await copyOf(made, "untrusted");
    const config = join(copy.cwd, "lifeboat.yaml");
    await writeFile(config, (await readFile(config, "utf8")).replace(/snapshot: \[.*\]/, "snapshot: []"));
    const { code, stderr } = await lifeboatHere(["backup", "prod"], copy);
    expect(code).toBe(2);
    expect(stderr).toContain("trustedKeys.snapshot does not list");
    expect((await readdir(join(copy.cwd, "vault/clusters/prod/data"))).toSorted()).toEqual(
      (await readdir(join(made.folder.path, "vault/clusters/prod/data"))).toSorted(),
    );
    expect(await lifeboatHere(["keys"], copy)).toMatchObject({ code: 6 });
  });

  test("no command prints a secret", async () => {
    const secrets = await Promise.all(
      ["keys/wrapping.key", "keys/snapshot.key", "break-glass.key"].map((name) => readFile(join(made.folder.path, name), "utf8")),
    );
    const words = secrets.flatMap((text) =>
      text.split("\n").filter((line) => line.length > 20 && !line.startsWith("#") && !line.startsWith("-----")),
    );
    expect(words.length).toBeGreaterThan(3);
    for (const args of [
      ["keys"],
      ["keys", "--json"],
      ["show", "prod/latest", "--json"],
      ["ls", "--json"],
      ["preflight", "prod", "--json"],
    ]) {
      const { stdout, stderr } = await lifeboatHere(args, made.options);
      for (const word of words) expect(`${stdout}${stderr}`).not.toContain(word);
    }
  });
});
