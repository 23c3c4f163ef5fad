import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../tools/lab/etcd-programs.ts";
import { until } from "../../tools/lab/until.ts";
import { needs } from "../support/programs.ts";
import type { MadeBundle } from "../support/restore-bundle.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { SiteNode } from "../support/restore-site.ts";
import { environmentOf } from "../support/site-node.ts";

/** What goes wrong in silence where etcd is restored by hand: each ends in a refusal, or is mended in sight. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh", () => {
  test.each(["3.4", "3.5", "3.6", "3.7"] as const)(
    "takes back NOSPACE, which etcd %s had when the snapshot was taken",
    { timeout: 300_000 },
    async (version) => {
      const quota = "--quota-backend-bytes=2097152";
      await using site = await RestoreSite.start(version, ["systemd"], { quick: true, flags: [quota] });
      const [node] = site.nodes;
      if (node === undefined) throw new Error("no node");
      const value = "x".repeat(100_000);
      await until("no space", 60_000, () =>
        site.etcdctl(["put", "/registry/large", value]).then(
          () => false,
          (error: unknown) => String(error).includes("database space exceeded"),
        ),
      );
      expect(await site.etcdctl(["alarm", "list"])).toContain("alarm:NOSPACE");
      const before = await site.content();
      const bundle = await site.lifeboatBundle();
      expect(bundle.plan["ALARMS"]).toBe("NOSPACE");

      // The quota is too small still: nothing is begun.
      const small = await site.run(node, ["apply"], bundle);
      expect(small, small.err).toMatchObject({
        code: 6,
        err: expect.stringMatching(/has [1-9]\d+ bytes and was out of space, and etcd.s quota here is 2097152/) as string,
      });
      const variables = readFileSync(environmentOf(node), "utf8");
      writeFileSync(environmentOf(node), variables.replace("2097152", "200000000"));

      const plan = await site.run(node, ["plan"], bundle);
      expect(plan).toMatchObject({
        code: 0,
        out: expect.stringContaining("ALARMS       NOSPACE: a restored cluster refuses writes until they are disarmed") as string,
      });
      expect(plan.out).toContain("disarm: etcdctl alarm disarm (NOSPACE is in the snapshot)");
      const applied = await site.run(node, ["apply"], bundle);
      expect(applied, applied.err).toMatchObject({
        code: 0,
        err: expect.stringContaining("disarmed NOSPACE, which the snapshot held") as string,
      });
      expect((await site.run(node, ["status"])).out).toMatch(/^ {2}disarm: done, \d+ s$/m);
      expect(await site.etcdctl(["alarm", "list"])).toBe("");
      expect(await site.content()).toBe(before);
      await site.etcdctl(["put", "/registry/new", "works"]);
    },
  );

  test("stops at CORRUPT, whether the plan says it or etcd does", { timeout: 300_000 }, async () => {
    await using site = await RestoreSite.start("3.6", ["systemd"], { quick: true, apiUnits: true });
    const [node] = site.nodes;
    if (node === undefined) throw new Error("no node");
    await site.etcdctl(["put", "/registry/a", "one"]);
    const [id] = (await site.etcdctl(["member", "list"])).split(",");
    const body = JSON.stringify({ action: "ACTIVATE", memberID: BigInt(`0x${id}`).toString(), alarm: "CORRUPT" });
    expect((await fetch(`${node.clientUrl}/v3/maintenance/alarm`, { method: "POST", body })).status).toBe(200);
    expect(await site.etcdctl(["alarm", "list"])).toContain("alarm:CORRUPT");
    const told = await site.bundle({ plan: { ALARMS: "CORRUPT" } });
    for (const command of ["plan", "apply"])
      expect(await site.run(node, [command], told)).toMatchObject({
        code: 6,
        err: expect.stringContaining("taken under the alarm CORRUPT") as string,
      });

    const silent = await site.bundle();
    const applied = await site.run(node, ["apply"], silent);
    expect(applied, applied.err).toMatchObject({
      code: 6,
      err: expect.stringContaining("the restored cluster has the alarm CORRUPT") as string,
    });
    expect(await site.run(node, ["status"])).toMatchObject({ code: 6, out: expect.stringContaining("disarm: begun, not ended") as string });
    expect(node.plane?.running).not.toContain("kube-apiserver");
    expect(await site.run(node, ["rollback"])).toMatchObject({ code: 0 });
  });

  test("waits for an old member that lives, refuses, and goes on when it is stopped", { timeout: 300_000 }, async () => {
    await using site = await RestoreSite.start("3.6", ["systemd", "bare", "systemd"], { quick: true, security: "tls" });
    const [first, second, old] = site.nodes;
    if (first === undefined || second === undefined || old === undefined) throw new Error("no node");
    await site.etcdctl(["put", "/registry/a", "one"]);
    const before = await site.content();
    const bundle = await site.bundle();
    await site.etcdctl(["put", "/registry/a", "too late"]);

    const refused = await Promise.all([first, second].map((node) => site.run(node, ["apply", "--wait", "15"], bundle)));
    for (const each of refused)
      expect(each, each.err).toMatchObject({
        code: 3,
        err: expect.stringMatching(/m3 at \S+ still answers\n {2}next: stop etcd there/) as string,
      });
    expect(refused.map(({ out }) => out).join("")).not.toContain("done");
    await site.stopUnit(old);
    const applied = await Promise.all(site.nodes.map((node) => site.run(node, ["apply"], bundle)));
    for (const each of applied) expect(each, each.err).toMatchObject({ code: 0 });
    for (const node of site.nodes) expect(await site.content(node)).toBe(before);
  });

  test.each<[string, EtcdVersion]>([
    ["no bump", "3.4"],
    ["no bump", "3.6"],
    ["other data", "3.4"],
    ["other data", "3.6"],
  ])("never says done where one member was restored by hand with %s (etcd %s)", { timeout: 300_000 }, async (what, version) => {
    await using site = await RestoreSite.start(version, ["systemd", "bare", "systemd"], { quick: true, apiUnits: true });
    const [, , wrong] = site.nodes;
    if (wrong === undefined) throw new Error("no node");
    await site.etcdctl(["put", "/registry/a", "one"]);
    const right = join(dirname(wrong.root), "right.db");
    await site.etcdctl(["snapshot", "save", right]);
    const bundle = await site.bundle();
    await site.etcdctl(["put", "/registry/a", "two"]);
    const other = join(dirname(wrong.root), "other.db");
    await site.etcdctl(["snapshot", "save", other]);
    await site.disaster();

    await byHand(site, wrong, bundle, what === "no bump" ? right : other, what !== "no bump");
    const applied = await Promise.all(site.nodes.slice(0, 2).map((node) => site.run(node, ["apply", "--wait", "30"], bundle)));
    for (const each of applied) {
      expect(each, each.err).toMatchObject({
        code: 3,
        err: expect.stringMatching(/m\d (holds other data than the others|did not say its hash)/) as string,
      });
      expect(each.out).not.toContain("done");
    }
    for (const node of site.nodes.slice(0, 2)) {
      expect(await site.run(node, ["status"])).toMatchObject({
        code: 6,
        out: expect.stringContaining("compare: begun, not ended") as string,
      });
      expect(node.plane?.running).not.toContain("kube-apiserver");
    }
  });
});

/** Restores a member as somebody does who types it, and starts it. */
async function byHand(site: RestoreSite, node: SiteNode, bundle: MadeBundle, snapshot: string, bumps: boolean): Promise<void> {
  const { etcdutl } = requireEtcd(site.version);
  const bump = bumps ? ["--bump-revision", bundle.plan["BUMP_REVISION"] ?? "", "--mark-compacted"] : [];
  rmSync(node.dataDir, { recursive: true });
  const cluster = ["--initial-cluster", bundle.plan["INITIAL_CLUSTER"] ?? "", "--initial-cluster-token", bundle.plan["TOKEN"] ?? ""];
  const own = ["--data-dir", node.dataDir, "--name", node.name, "--initial-advertise-peer-urls", node.peerUrl];
  await execa(etcdutl, ["snapshot", "restore", snapshot, ...own, ...cluster, ...bump]);
  await site.startUnit(node);
}
