import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { initArguments, initialise } from "../../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../../support/lifeboat-here.ts";
import { lifeboat, lifeboatJson } from "../../support/lifeboat.ts";
import { saying } from "../../support/matchers.ts";
import { RECENT_SLOT, slotBefore } from "../../support/recent-slot.ts";
import { copyOf, dataFile, idOf, useTwoSnapshots } from "../../support/two-snapshots.ts";

/** The command as a person meets it: backups, init, and etcd that is not as it should be; in a process of its own where the process matters. */

const made = useTwoSnapshots();

describe("backup --all", () => {
  test("backs up every cluster, also after one that failed, and ends with the worst exit code", async () => {
    const copy = await copyOf(made, "all");
    const config = join(copy.cwd, "lifeboat.yaml");
    const text = await readFile(config, "utf8");
    const [prod = ""] = /^ {2}prod:\n(?: {4}.*\n| *\n)+/m.exec(text) ?? [];
    const down = prod.replace("  prod:", "  down:").replace(/- https:\S+/, "- https://127.0.0.1:1");
    await writeFile(config, text.replace(prod, `${down}${prod}${prod.replace("  prod:", "  twin:")}`));
    const { id, time } = slotBefore(20);
    const slot = ["--slot", time];
    const { code, stdout, stderr } = await lifeboatHere(["backup", "--all", "--json", ...slot], copy);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^lifeboat: down: .*127\.0\.0\.1:1/m);
    expect(JSON.parse(stdout)).toMatchObject({
      clusters: [
        { cluster: "down", exitCode: 3, backup: null, error: { code: "etcd/unreachable", exitCode: 3 } },
        { cluster: "prod", exitCode: 0, backup: { ref: `prod/${id}`, existing: false }, error: null },
        { cluster: "twin", exitCode: 0, backup: { ref: `twin/${id}` }, error: null },
      ],
    });
    const again = await lifeboatHere(["backup", "--all", ...slot], copy);
    expect(again).toMatchObject({ code: 3, stdout: saying("the slot was backed up before") });
    expect(again.stdout).toMatch(new RegExp(`^snapshot: +prod/${id}$[^]*\\n\\n[^]*^snapshot: +twin/${id}$`, "m"));
  });

  test.each<readonly [readonly string[], RegExp]>([
    [["backup", "prod", "--all"], /a cluster \(prod\) and --all exclude each other/],
    [["backup"], /missing required argument 'cluster'\n.*--all/],
  ])("%j is refused", async (args, message) => {
    expect(await lifeboatHere(args, made.options)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(message) as string });
  });
});

describe("--quiet", () => {
  test("says nothing where all is well", async () => {
    const copy = await copyOf(made, "quiet");
    for (const args of [
      ["backup", "prod"],
      ["verify", "prod/latest", "--deep"],
      ["export", "prod/latest", "--out", "out.db"],
    ]) {
      const { code, stdout, stderr } = await lifeboat([...args, "--quiet"], copy);
      // A warning stays: on a busy machine a member answers late.
      const told = stderr.split("\n").filter((line) => line !== "" && !line.includes("its status took"));
      expect({ args, code, stdout, told }).toEqual({ args, code: 0, stdout: "", told: [] });
    }
    const { stdout } = await lifeboatHere(["--quiet", "verify", "prod/latest", "--json"], copy);
    expect(JSON.parse(stdout)).toMatchObject({ good: true });
    expect((await lifeboatHere(["ls", "--quiet"], copy)).stdout).toContain(made.ids[0]);
  });

  test("says what is wrong", async () => {
    const copy = await copyOf(made, "quiet-wrong");
    await rm(await dataFile(copy.cwd, made.ids[1]));
    const { code, stdout, stderr } = await lifeboatHere(["verify", `prod/${made.ids[1]}`, "--quiet"], copy);
    expect({ code, stdout, stderr }).toEqual({ code: 4, stdout: "", stderr: saying("is not in ") });
    await writeFile(
      join(copy.cwd, "lifeboat.yaml"),
      (await readFile(join(copy.cwd, "lifeboat.yaml"), "utf8")).replace(/- https:\S+/, "- https://127.0.0.1:1"),
    );
    expect(await lifeboatHere(["backup", "prod", "--quiet"], copy)).toMatchObject({ code: 3, stderr: saying("127.0.0.1:1") });
  });
});

describe("a slot", () => {
  test("is backed up once: a second run returns the first one's snapshot", async () => {
    const again = await lifeboatJsonHere(["backup", "prod", "--slot", RECENT_SLOT], made.options);
    expect(again).toMatchObject({ id: made.ids[0], existing: true });
  });

  test("of two at once only one is committed, and both name it", async () => {
    const copy = await copyOf(made, "two-at-once");
    const slot = slotBefore(30);
    const both = await Promise.all([0, 1].map(() => lifeboatJson(["backup", "prod", "--slot", slot.time], copy)));
    expect(both.map((each) => idOf(each))).toEqual([slot.id, slot.id]);
    expect(both).toEqual(
      expect.arrayContaining([expect.objectContaining({ existing: true }), expect.objectContaining({ existing: false })]),
    );
    expect((await readdir(join(copy.cwd, "vault/clusters/prod/data"))).filter((name) => name.startsWith(slot.id))).toHaveLength(1);
  });
});

describe("etcd", () => {
  test("that is not there is exit code 3, names the endpoint, and leaves nothing", async () => {
    await using down = await startCluster({ version: "3.6", security: "tls" });
    await using place = await temporaryFolder();
    const there = await initialise(down, place.path);
    await down.members[0]?.kill();
    const { code, stdout, stderr } = await lifeboatHere(["backup", "prod"], there);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain(down.endpoints[0]);
    const left = await readdir(join(place.path, "vault"), { recursive: true, withFileTypes: true });
    expect(
      left
        .filter((entry) => !entry.isDirectory())
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["0000000001.json", "store.json"]);
    expect((await lifeboatHere(["custody", "prod"], there)).stdout).toMatch(/^1 .* failed .* etcd\/unreachable: /m);
    expect(await lifeboatHere(["preflight", "prod"], there)).toMatchObject({ code: 3 });
  });

  test("plain http is taken with a warning", async () => {
    await using place = await temporaryFolder();
    const { code, stderr } = await lifeboatHere(["init", "--cluster", "a", "--endpoint", "http://127.0.0.1:2379"], { cwd: place.path });
    expect(code).toBe(0);
    expect(stderr).toContain("warning: http://127.0.0.1:2379: plain http");
  });

  test("of another cluster at the same name begins a new lineage, loudly", async () => {
    await using other = await startCluster({ version: "3.6", security: "tls" });
    const copy = await copyOf(made, "lineage");
    const config = join(copy.cwd, "lifeboat.yaml");
    const text = await readFile(config, "utf8");
    const { ca, cert, key } = other.files;
    await writeFile(
      config,
      text
        .replace(/- https:\S+/, `- ${other.endpoints[0]}`)
        .replace(/ca: .*/, `ca: file:${ca}`)
        .replace(/cert: .*/, `cert: file:${cert}`)
        .replace(/ key: file.*/, ` key: file:${key}`),
    );
    const looked = await lifeboatHere(["preflight", "prod", "--json"], copy);
    expect(looked.code).toBe(6);
    expect(JSON.parse(looked.stdout)).toMatchObject({
      lineage: { number: 2, opens: "cluster-id-changed" },
      findings: [{ code: "new-lineage", severity: "problem" }],
    });
    const { code, stderr, stdout } = await lifeboatHere(["backup", "prod", "--json"], copy);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({ lineage: 2, lineageAttention: { number: 2 } });
    expect(stderr).toContain("lineage 2 begins, and the snapshots of lineage 1 are frozen");
  });
});

test("init makes everything for its owner only, and a second one changes nothing", async () => {
  await using place = await temporaryFolder();
  await lifeboat(initArguments(made.cluster), { cwd: place.path });
  const { stdout } = await execa("find", [place.path, "-mindepth", "1", "-printf", "%P %m\n"]);
  const modes = Object.fromEntries(stdout.split("\n").map((line) => line.split(" ") as [string, string]));
  expect(modes).toMatchObject({ "break-glass.key": "600", keys: "700", vault: "700", "lifeboat.yaml": "600" });
  for (const name of ["snapshot", "audit", "bundle", "wrapping"]) expect(modes[`keys/${name}.key`]).toBe("600");
  const before = await readFile(join(place.path, "lifeboat.yaml"), "utf8");
  expect((await lifeboatHere(["init"], { cwd: place.path })).code).toBe(2);
  await rm(join(place.path, "lifeboat.yaml"));
  expect((await lifeboatHere(["init"], { cwd: place.path })).stderr).toContain("is already there");
  expect(await readdir(place.path)).not.toContain("lifeboat.yaml");
  expect(before).toContain("trustedKeys");
});
