import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { signDocument } from "../../../shared/documents/signed-document.ts";
import type { DocumentOf } from "../../../shared/documents/signed-document.ts";
import { STEPS } from "../../../shared/jobs/drill/stopwatch.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import type { Security } from "../../../tools/lab/cluster-security.ts";
import { until } from "../../../tools/lab/until.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import { fitting, saying } from "../../support/matchers.ts";
import { newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { requireProgram } from "../../support/programs.ts";
import { signalled } from "../../support/signalled.ts";

/** `lifeboat drill` with a real etcd: that it passes what is whole, fails what is not, and leaves nothing, however it ends. */

/** The steps of restore.sh apply, from the code that runs them. */
const APPLIED =
  /^readonly STEPS='([a-z -]+)'$/m.exec(readFileSync(new URL("../../../node/lib/steps.sh", import.meta.url), "utf8"))?.[1]?.split(" ") ??
  [];
const MOMENTS = [...STEPS, ...APPLIED.map((step) => `apply: ${step}`)].map((step) => `phase ${step}`);
/** The others are in the exhaustive suite: an etcd runs at this one. */
const SOME: ReadonlySet<string> = new Set(["phase read"]);

interface Drilled {
  readonly outcome: string;
  readonly failure: { readonly step: string; readonly code: string; readonly message: string } | null;
  readonly steps: readonly { readonly name: string }[];
  readonly etcdVersion: string;
  readonly keys: number;
  readonly evidence: string;
  readonly notCompared: readonly string[];
}

class DrillSite implements AsyncDisposable {
  readonly cluster: EtcdCluster;
  readonly place: Place;

  private constructor(cluster: EtcdCluster, place: Place) {
    this.cluster = cluster;
    this.place = place;
  }

  static async start(version: EtcdVersion, security: Security = "plain"): Promise<DrillSite> {
    const cluster = await startCluster({ version, security });
    const object = (name: string): string =>
      JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });
    for (const name of ["one", "two", "one"]) await cluster.etcdctl(["put", `/registry/configmaps/default/${name}`, object(name)]);
    await cluster.etcdctl(["put", "plain", "value"]);
    await cluster.etcdctl(["put", "gone", "value"]);
    await cluster.etcdctl(["del", "gone"]);
    const place = await newPlace(cluster, cluster.folder, "drill");
    await place.edit("lifeboat.yaml", (text) => text.replace("drill: {}", "drill: { every: 7d }"));
    await mkdir(place.path("work"), { mode: 0o700 });
    const site = new DrillSite(cluster, place);
    expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
    expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
    return site;
  }

  get line(): readonly string[] {
    return ["drill", "prod", "--work", "work"];
  }

  async drill(
    ...more: readonly string[]
  ): Promise<{ readonly code: number | undefined; readonly stderr: string; readonly drilled: Drilled }> {
    const { code, stdout, stderr } = await this.place.here(...this.line, ...more, "--json");
    return { code, stderr, drilled: JSON.parse(stdout) as Drilled };
  }

  /** Neither a file nor a process. */
  async expectNothingLeft(): Promise<void> {
    const work = this.place.path("work");
    await until("nothing of the drill", 15_000, async () => (await readdir(work)).length === 0 && processesIn(work).length === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }
}

/** Whoever has the folder in its command line. */
function processesIn(folder: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
    } catch {
      return false;
    }
  });
}

/** `all`: every minor of etcd, and every step. */
export function drillTests({ all }: { readonly all: boolean }): void {
  describe("of one cluster", () => {
    let site: DrillSite;
    beforeAll(async () => {
      site = await DrillSite.start("3.6", "password");
    }, 60_000);
    afterAll(() => site[Symbol.asyncDispose]());

    test("restores a snapshot by its bundle, with auth on, and leaves evidence and nothing else", async () => {
      expect(await site.place.here("check", "prod")).toMatchObject({ code: 6, stdout: saying("no restore was ever rehearsed") });
      const { code, stderr, drilled } = await site.drill();
      expect({ code, failure: drilled.failure, stderr }).toMatchObject({ code: 0, failure: null });
      expect(await site.place.here("check", "prod")).toMatchObject({ code: 0 });
      expect(drilled).toMatchObject({ outcome: "passed", keys: 3, notCompared: [], sample: { values: 2, objects: 2 } });
      expect(drilled.etcdVersion).toMatch(/^3\.6\./);
      expect(drilled.steps.map(({ name }) => name)).toEqual([
        ...STEPS.slice(0, -2),
        ...APPLIED.map((step) => `apply: ${step}`),
        ...STEPS.slice(-2),
      ]);
      await site.expectNothingLeft();
      expect(await site.place.stored()).toContain(drilled.evidence);
      expect(await site.place.here("custody", "prod", "--verify")).toMatchObject({ code: 0, stdout: saying("drill") });
    });

    test("of data that was changed in the store fails, and its evidence says where", async () => {
      const data = (await site.place.stored()).find((each) => each.startsWith("clusters/prod/data/")) ?? "";
      const file = join(site.place.path("vault"), data);
      const bytes = await readFile(file);
      const changed = Buffer.from(bytes);
      changed[changed.length - 20] = (changed.at(-20) ?? 0) ^ 1;
      await writeFile(file, changed);
      const { code, stderr, drilled } = await site.drill();
      await writeFile(file, bytes);
      expect({ code, drilled, stderr }).toMatchObject({
        code: 4,
        drilled: { outcome: "failed", failure: { step: "bundle", code: "verify/digest" }, keys: null },
        stderr: saying("has digest"),
      });
      await site.expectNothingLeft();
      expect(await site.place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
      expect(await site.place.here("check", "prod")).toMatchObject({ code: 6, stdout: saying("the last drill failed") });
      const doctor = await site.place.here("doctor", "--drills");
      expect(doctor).toMatchObject({ code: 6, stdout: fitting(/drills of prod: +FAILED .* one every 7 d is asked for/) });
      expect(doctor.stdout).toContain('docs/runbook.md, "A drill is overdue or failed"');
    });

    test("with an etcd that does not start fails with its last words", async () => {
      await withTools(
        site.place,
        { etcd: '[ "$1" = --version ] && exec echo "etcd Version: 3.6.99"\necho \'{"level":"fatal","msg":"out of luck"}\'\nexit 1' },
        async () => {
          const { code, drilled, stderr } = await site.drill();
          expect({ code, drilled, stderr }).toMatchObject({
            code: 3,
            drilled: { outcome: "failed", failure: { step: "start", code: "etcd/refused" } },
            stderr: saying("out of luck"),
          });
        },
      );
      await site.expectNothingLeft();
    });

    test("on a disk that has no room for the restore fails there", async () => {
      const folder = site.place.path("full");
      await mkdir(folder);
      await writeFile(
        join(folder, "df"),
        "#!/bin/sh\necho Filesystem 1-blocks Used Available Capacity Mounted on\necho none 10 9 1 90% /\n",
        { mode: 0o755 },
      );
      const { code, stdout, stderr } = await lifeboatHere([...site.line, "--json"], {
        ...site.place.options,
        env: { ...site.place.options.env, PATH: `${folder}:${process.env["PATH"]}` },
      });
      expect({ code, drilled: JSON.parse(stdout) as unknown, stderr }).toMatchObject({
        code: 5,
        drilled: { outcome: "failed", failure: { code: "store/full" }, etcdVersion: null },
        stderr: saying("1 bytes free"),
      });
      await site.expectNothingLeft();
    });

    test.each(all ? MOMENTS : MOMENTS.filter((each) => SOME.has(each)))(
      "killed by SIGKILL at %s leaves no process and no file",
      { timeout: 60_000 },
      async (moment) => {
        expect(await signalled("SIGKILL", moment, site.line, site.place.options)).toMatchObject({ signal: "SIGKILL", stdout: "" });
        await site.expectNothingLeft();
        expect(await site.place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
      },
    );

    test.each(all ? MOMENTS : ["phase restore"])(
      "ends with 130 after Ctrl-C at %s, and leaves nothing",
      { timeout: 60_000 },
      async (moment) => {
        expect(await signalled("SIGINT", moment, site.line, site.place.options)).toMatchObject({
          code: 130,
          stdout: "",
          stderr: fitting(/interrupted by SIGINT/),
        });
        await site.expectNothingLeft();
      },
    );
  });

  if (!all) return;
  describe("of what was not proven, or is not what was", () => {
    let site: DrillSite;
    beforeAll(async () => {
      site = await DrillSite.start("3.6");
    }, 60_000);
    afterAll(() => site[Symbol.asyncDispose]());

    test("fails loudly where HashKV is not the one in the manifest", { timeout: 60_000 }, async () => {
      const name = (await site.place.stored()).find((each) => each.startsWith("clusters/prod/snapshots/")) ?? "";
      const file = join(site.place.path("vault"), name);
      const before = await readFile(file);
      const { signer: _, ...manifest } = JSON.parse(
        Buffer.from((JSON.parse(before.toString()) as { payload: string }).payload, "base64").toString(),
      ) as DocumentOf<"snapshot">;
      if (manifest.content.tree !== "whole") throw new Error("its tree is not whole");
      Object.assign(manifest.content, { hashKv: { ...(manifest.content.hashKv as object), hash: 1 } });
      await writeFile(file, (await signDocument(new LocalKeyRing(site.place.path("keys")), "snapshot", manifest)).bytes);
      const { code, stdout, stderr } = await site.place.here("drill", `prod/${manifest.id}`, "--work", "work", "--json");
      await writeFile(file, before);
      expect({ code, drilled: JSON.parse(stdout) as unknown, stderr }).toMatchObject({
        code: 4,
        drilled: { outcome: "failed", good: false, failure: { step: "hash", code: "verify/content" } },
        stderr: saying("HashKV of what was restored is"),
      });
      await site.expectNothingLeft();
    });

    test("passes an unproven snapshot by its id, says so and ends with 6", { timeout: 60_000 }, async () => {
      await site.place.edit("lifeboat.yaml", (text) => text.replace("agreement: quorum", "agreement: off"));
      const { stdout } = await site.place.here("backup", "prod", "--json");
      const { ref } = JSON.parse(stdout) as { ref: string };
      const drilled = await site.place.here("drill", ref, "--work", "work");
      expect(drilled).toMatchObject({ code: 6, stdout: fitting(/not compared: +the snapshot is unproven/), stderr: saying("is not good") });
      await site.expectNothingLeft();
    });
  });

  describe.each(["3.4", "3.5", "3.7"] as const)("of etcd %s", (version) => {
    test("passes", { timeout: 120_000 }, async () => {
      await using site = await DrillSite.start(version, version === "3.5" ? "certificate" : "plain");
      const { code, drilled, stderr } = await site.drill();
      expect({ code, failure: drilled.failure, stderr }).toMatchObject({ code: 0, failure: null });
      expect(drilled).toMatchObject({ outcome: "passed", keys: 3, notCompared: [] });
      await site.expectNothingLeft();
    });
  });
}

/** With a folder of programs of this test's own before all others. */
async function withTools(place: Place, programs: Readonly<Record<string, string>>, action: () => Promise<void>): Promise<void> {
  const before = await readFile(place.path("lifeboat.yaml"), "utf8");
  const folder = `tools-${Object.keys(programs).join("-")}`;
  await mkdir(place.path(folder));
  await symlink(requireProgram("age"), place.path(`${folder}/age`));
  for (const [name, script] of Object.entries(programs))
    await writeFile(place.path(`${folder}/${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await writeFile(place.path("lifeboat.yaml"), before.replace(/^tools: .*$/m, `tools: { dir: ${folder} }`));
  try {
    await action();
  } finally {
    await writeFile(place.path("lifeboat.yaml"), before);
  }
}
