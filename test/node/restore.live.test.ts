import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { until } from "../../tools/lab/until.ts";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import type { MadeBundle } from "../support/restore-bundle.ts";
import { RestoreSite } from "../support/restore-site.ts";
import { needs } from "../support/programs.ts";

/** restore.sh apply, status and rollback on real etcd, for nodes of each layout. The kills at every step: restore.exhaustive.test.ts. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh apply", () => {
  test("brings three members of three layouts back to the snapshot, and rolls each back", { timeout: 300_000 }, async () => {
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

  test(
    "rolls back byte for byte what a killed run did to a dead member, goes on where it was killed, and refuses what would be wrong",
    { timeout: 300_000 },
    async () => {
      await using site = await RestoreSite.start("3.6", ["systemd"]);
      const [node] = site.nodes;
      if (node === undefined) throw new Error("no node");
      await site.etcdctl(["put", "/k", "value"]);
      const snapshot = await site.keys();
      const bundle = await site.bundle();
      const newer = await site.bundle({ plan: { ETCD_VERSION: "3.7.1", ETCD_MINOR: "3.7" } });
      const corrupt = await site.bundle({ plan: { ALARMS: "CORRUPT" } });
      const large = await site.bundle({ plan: { SNAPSHOT_BYTES: "3000000000" } });
      const foreign = await site.bundle({ plan: { FOR: "talos" } });
      const other = await site.bundle({ plan: { SNAPSHOT_TRAILER: "0".repeat(64) } });
      const lost = await site.bundle({ plan: { PAYLOAD_FILE: "lost.age" } });
      await site.etcdctl(["put", "/k", "later"]);

      const files = join(node.root, "srv");
      mkdirSync(join(files, "www"), { recursive: true });
      const untouched = site.fingerprint(node);
      for (const [of, args, code, message] of [
        [newer, [], 6, "this node has 3.6, which cannot run on it"],
        [corrupt, [], 6, "under the alarm CORRUPT"],
        [large, [], 6, "etcd's quota here is 2147483648 (its default)"],
        [foreign, [], 2, "whose own tools restore"],
        [lost, [], 2, "the payload is not there"],
        [bundle, ["--data-dir", "/srv"], 6, "is no data directory of etcd: www is in it"],
        [bundle, ["--data-dir", "/nowhere"], 2, "is not there"],
        [bundle, ["--member", "m9"], 2, "one of m1"],
        [bundle, ["--layout", "static-pod"], 2, "there is no"],
      ] as const) {
        expect(await site.run(node, ["apply", ...args], of)).toMatchObject({ code, err: expect.stringContaining(message) as string });
        expect(node.plane?.running).toEqual(["etcd"]);
        expect(await site.run(node, ["status"])).toMatchObject({ code: 0, out: "nothing was restored on this node" });
      }
      expect(untouched).toHaveLength(64);

      // Into an empty folder beside, as it was, while etcd runs here.
      const beside = join(node.root, "srv/beside");
      const rehearse = (of: MadeBundle, ...args: readonly string[]) =>
        site.run(node, ["rehearse", "--data-dir", "/srv/beside", ...args], of);
      for (const [of, args, code, message] of [
        [bundle, [], 2, "there is no folder"],
        [foreign, [], 2, "whose own tools restore"],
        [bundle, ["--member", "m9"], 2, "there is no member m9 in the plan"],
        [bundle, ["--data-dir", "/srv"], 2, "is not empty: www is in it"],
      ] as const)
        expect(await rehearse(of, ...args)).toMatchObject({ code, err: expect.stringContaining(message) as string });
      mkdirSync(beside, { mode: 0o700 });
      for (const [of, code, message] of [
        [lost, 2, "the payload is not there"],
        [other, 4, "what the payload holds is not the snapshot that is signed"],
      ] as const) {
        expect(await rehearse(of)).toMatchObject({ code, err: expect.stringContaining(message) as string });
        expect(readdirSync(beside)).toEqual([]);
      }
      expect(await rehearse(bundle)).toMatchObject({ code: 0, err: "restore.sh: decrypt\nrestore.sh: restore" });
      expect(readdirSync(beside)).toEqual(["member"]);
      const { stdout } = await execa(requireEtcd("3.6").etcdutl, ["snapshot", "status", "-w", "json", join(beside, "member/snap/db")]);
      expect(JSON.parse(stdout)).toMatchObject({ revision: Number(bundle.plan["REVISION"]) });
      expect(await rehearse(bundle)).toMatchObject({ code: 2, err: expect.stringContaining("member is in it") as string });
      expect(node.plane?.running).toEqual(["etcd"]);
      expect(await site.run(node, ["status"])).toMatchObject({ code: 0, out: "nothing was restored on this node" });

      // The unit is stopped, as on a dead node: bytes stand still.
      await site.stopUnit(node);
      const dead = site.fingerprint(node);
      expect(await site.run(node, ["apply"], other)).toMatchObject({
        code: 4,
        err: expect.stringContaining("what the payload holds is not the snapshot that is signed") as string,
      });
      expect(await site.run(node, ["rollback"])).toMatchObject({ code: 0 });
      expect(site.fingerprint(node)).toBe(dead);
      const kill = (what: string, step: string): string => {
        const file = join(node.root, "hook.sh");
        const condition = `[[ $BASH_COMMAND == '${what} "$step"' && \${step-} == ${step} ]]`;
        writeFileSync(file, `set -T\ntrap '${condition.replaceAll("'", "'\\''")} && kill -9 $$' DEBUG\n`);
        return file;
      };
      for (const step of ["restore", "swap", "start-etcd"]) {
        const killed = await site.run(node, ["apply"], bundle, kill("run_step", step));
        expect(killed.code, killed.err).not.toBe(0);
        expect(await site.run(node, ["status"])).toMatchObject({
          code: 6,
          out: expect.stringContaining(`${step}: begun, not ended`) as string,
        });
        expect(await site.run(node, ["apply"], newer)).toMatchObject({
          code: 6,
          err: expect.stringContaining("another restore was begun") as string,
        });
        const back = await site.run(node, ["rollback"]);
        expect(back, back.err).toMatchObject({ code: 0 });
        expect(site.fingerprint(node)).toBe(dead);
      }

      // Something answers where the old member did.
      const old = createServer((socket) =>
        socket
          .on("error", () => {})
          .resume()
          .end("HTTP/1.0 200 OK\r\n\r\n"),
      ).listen(Number(new URL(node.peerUrl).port), "127.0.0.1");
      await until("listening", 5000, () => old.listening);
      const waits = site.run(node, ["apply", "--wait", "3"], bundle);
      await until("apply at work", 30_000, async () => (await site.run(node, ["status"])).out.includes("old-members: begun, not ended"));
      expect(await site.run(node, ["status"])).toMatchObject({
        code: 6,
        err: expect.stringMatching(/not done: restore\.sh is at work here \(process \d+\)\n {2}next: wait/) as string,
      });
      const waiting = await waits;
      await new Promise((resolve) => old.close(resolve));
      expect(waiting).toMatchObject({ code: 3, err: expect.stringContaining("m1 at") as string });

      const first = site.run(node, ["apply"], bundle);
      await until("the lock", 30_000, () => readdirSync(join(node.root, "var/lib/etcd-lifeboat/restore")).includes("lock"));
      const second = await site.run(node, ["rollback"]);
      expect(await first).toMatchObject({ code: 0 });
      expect(second).toMatchObject({ code: 1, err: expect.stringContaining("another restore.sh") as string });
      await site.healthy();
      expect(await site.keys()).toEqual(snapshot);
      expect(await site.run(node, ["after"], bundle)).toMatchObject({
        code: 0,
        out: expect.stringContaining("healthy, etcd 3.6") as string,
      });
    },
  );
});
