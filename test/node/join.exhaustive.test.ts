import { describe, expect, test } from "vitest";
import { RestoreSite } from "../support/restore-site.ts";
import { needs } from "../support/programs.ts";

/** One member restores, and the others come clean into its cluster. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh apply --first and --join", () => {
  test("restores one member, and lets the others join it clean; rolls all back", { timeout: 300_000 }, async () => {
    await using site = await RestoreSite.start("3.6", ["static-pod", "systemd", "bare"]);
    const [first, second, third] = site.nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error("no node");
    for (let each = 0; each < 20; each++) await site.etcdctl(["put", `/registry/pods/${each}`, `value ${each}`]);
    const before = await site.keys();
    const bundle = await site.bundle();
    await site.etcdctl(["put", "/registry/pods/3", "too late"]);
    const later = await site.keys();
    const fingerprints = site.nodes.map((node) => site.configuration(node));

    expect(await site.run(second, ["apply", "--join", "--wait", "2"], bundle)).toMatchObject({
      code: 3,
      err: expect.stringContaining("no other member of the plan answers as one that was restored") as string,
    });
    expect(await site.run(second, ["apply"], bundle)).toMatchObject({
      code: 6,
      err: expect.stringContaining("this was begun as apply --join") as string,
    });
    const plan = await site.run(third, ["plan", "--join"], bundle);
    expect(plan.out).toContain("apply --join would, in this order");
    expect(plan.out).toContain("etcdctl member add m3 --learner");
    const ways = [["--first"], ["--join"], ["--join"]];
    const applied = await Promise.all(site.nodes.map((node, index) => site.run(node, ["apply", ...(ways[index] ?? [])], bundle)));
    for (const each of applied) expect(each, each.err).toMatchObject({ code: 0 });
    expect(applied[0]?.out).toContain("next: apply --join on each of the others");
    await site.healthy();
    for (const node of site.nodes) {
      expect(await site.keys(node)).toEqual(before);
      expect(await site.run(node, ["status"])).toMatchObject({ code: 0 });
    }
    const members = await site.etcdctl(["member", "list"]);
    expect(members.split("\n").map((line) => line.split(", ").slice(1, 3).concat(line.split(", ").slice(-1)))).toEqual(
      expect.arrayContaining(["m1", "m2", "m3"].map((name) => ["started", name, "false"])),
    );
    for (const node of [first, second]) expect(site.configuration(node)).toContain("existing");
    await site.etcdctl(["put", "/registry/new", "works"]);

    // One that joined goes, and the others stay a cluster.
    expect(await site.run(third, ["rollback"])).toMatchObject({ code: 0, err: expect.not.stringContaining("may still list") as string });
    expect(await site.etcdctl(["member", "list"])).not.toContain("m3");
    const back = await Promise.all([first, second].map((node) => site.run(node, ["rollback"])));
    for (const each of back) expect(each, each.err).toMatchObject({ code: 0 });
    await site.healthy();
    expect(await site.keys()).toEqual(later);
    expect(site.nodes.map((node) => site.configuration(node))).toEqual(fingerprints);
  });
});
