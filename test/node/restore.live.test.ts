import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RestoreSite } from "../support/restore-site.ts";
import { needs } from "../support/programs.ts";

/** restore.sh apply, status and rollback on real etcd, for nodes of each layout. The kills at every step: restore.exhaustive.test.ts. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh apply", () => {
  test("brings three members of three layouts back to the snapshot, and rolls each back", async () => {
    await using site = await RestoreSite.start("3.6", ["static-pod", "systemd", "bare"]);
    for (let each = 0; each < 20; each++) await site.etcdctl(["put", `/registry/pods/${each}`, `value ${each}`]);
    await site.etcdctl(["put", "/registry/pods/3", "again"]);
    const before = await site.keys();
    const bundle = await site.bundle();
    await site.etcdctl(["put", "/registry/pods/3", "too late"]);
    await site.etcdctl(["del", "/registry/pods/4"]);

    const [first] = site.nodes;
    if (first === undefined) throw new Error("no node");
    const plan = await site.run(first, ["plan"], bundle);
    expect(plan).toMatchObject({ code: 0 });
    expect(plan.out).toContain("layout       static-pod");
    expect(plan.out).toMatch(/ {2}restore: .*etcdutl snapshot restore .* --bump-revision 1000000000 --mark-compacted/);
    expect(await site.run(first, ["status"])).toMatchObject({ code: 0, out: "nothing was restored on this node" });

    const applied = await Promise.all(site.nodes.map((node) => site.run(node, ["apply"], bundle)));
    for (const each of applied)
      expect(each, each.err).toMatchObject({ code: 0, out: expect.stringContaining("3 member(s) agree") as string });
    await site.healthy();
    for (const node of site.nodes) {
      expect(await site.keys(node)).toEqual(before);
      expect(await site.revision(node)).toBe(Number(bundle.plan["REVISION_AFTER"]));
      expect(readdirSync(node.dataDir)).toEqual(["member", expect.stringMatching(/^member\.before-/) as string]);
      expect(await site.run(node, ["status"])).toMatchObject({ code: 0, out: expect.stringMatching(/\ndone$/) as string });
      expect(await site.run(node, ["apply"], bundle)).toMatchObject({ code: 0, out: expect.stringContaining("done already") as string });
    }
    expect(first.plane?.running).toEqual(["etcd", "kube-apiserver"]);
    await site.etcdctl(["put", "/registry/new", "works"]);

    const back = await Promise.all(site.nodes.map((node) => site.run(node, ["rollback"])));
    for (const each of back) expect(each, each.err).toMatchObject({ code: 0 });
    await site.healthy();
    const keys = JSON.stringify(await site.keys());
    expect(keys).toContain(Buffer.from("too late").toString("base64"));
    expect(keys).not.toContain(Buffer.from("/registry/new").toString("base64"));
    expect(first.plane?.running).toEqual(["etcd", "kube-apiserver"]);
  });
});
