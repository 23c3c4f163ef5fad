import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RestoreSite } from "../support/restore-site.ts";
import { needs } from "../support/programs.ts";

const CONTROLLER = "endpointslice-controller.k8s.io";

/** What Kubernetes has of processes and nodes: keys as it makes them, values with what is looked for in them. The real API server: kube-apiserver.exhaustive.test.ts. */
const STALE = {
  "/registry/masterleases/10.0.0.9": "x",
  "/registry/leases/kube-system/apiserver-abcdef": "x",
  "/registry/leases/kube-system/kube-scheduler": "x",
  "/registry/leases/kube-node-lease/cp-1": "x",
  "/registry/endpointslices/default/web-1": `${CONTROLLER}\u0004cp-1`,
} as const;
const ALIVE = ["/registry/masterleases/10.0.0.1", "/registry/leases/kube-node-lease/cp-10"];
const KEPT = {
  "/registry/leases/apps/lock": "x",
  "/registry/endpointslices/default/web-10": `${CONTROLLER}\u0005cp-10`,
  "/registry/endpointslices/default/by-hand": "\u0004cp-1",
  "/registry/pods/default/known": "x",
} as const;

describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh after", () => {
  test(
    "says what is stale and which pods nobody knows, and clears with consent what nobody wrote since",
    { timeout: 120_000 },
    async () => {
      await using site = await RestoreSite.start("3.6", ["static-pod"]);
      const [node] = site.nodes;
      if (node === undefined) throw new Error("no node");
      for (const [key, value] of Object.entries({ ...STALE, ...KEPT })) await site.etcdctl(["put", key, value]);
      for (const key of ALIVE) await site.etcdctl(["put", key, "x"]);
      const bundle = await site.bundle();
      expect(await site.run(node, ["apply"], bundle)).toMatchObject({ code: 0 });

      expect(await site.run(node, ["apply", "--clear"], bundle)).toMatchObject({
        code: 2,
        err: expect.stringContaining("is for after") as string,
      });
      const journal = join(node.root, "var/lib/etcd-lifeboat/restore/journal");
      const early = await site.run(node, ["after"], bundle);
      expect(early.out).toContain("too early to tell");
      // As if a minute had gone by.
      const later = `set DONE ${Math.floor(Date.now() / 1000) - 120}\n`;
      writeFileSync(journal, later, { flag: "a" });
      expect(await site.run(node, ["after", "--clear"], bundle)).toMatchObject({
        code: 6,
        err: expect.stringContaining("no API server works with this etcd yet") as string,
      });

      for (const key of ALIVE) await site.etcdctl(["put", key, "renewed"]);
      const pods = [
        ["abcdef0123456789", "known"],
        ["0123456789abcdef", "ghost"],
      ].map(([id, name]) => `ID: ${id}\nName: ${name}\nUID: 1\nNamespace: default\nAttempt: 0\nStatus: Ready\n`);
      writeFileSync(join(node.root, "plane/pods"), pods.join(""));
      const after = await site.run(node, ["after"], bundle);
      expect(after).toMatchObject({ code: 6 });
      expect(after.out.match(/^stale +(\S+):/gm)).toHaveLength(Object.keys(STALE).length);
      for (const key of Object.keys(STALE)) expect(after.out).toContain(`stale        ${key}: nobody wrote it since`);
      expect(after.out).toContain(
        "pod          default/ghost runs here, and the API does not know it: look at it, then crictl stopp 0123456789abc",
      );
      expect(after.out).toContain("API server   127.0.0.1:6443 DOES NOT ANSWER");
      expect(after.out).not.toContain("default/known runs here");
      expect(after.out).toMatch(/member {7}m1 at \S+: healthy, etcd 3\.6\.\d+, revision 100000\d+/);

      const cleared = await site.run(node, ["after", "--clear"], bundle);
      expect(cleared.out).toContain(`cleared      ${Object.keys(STALE).length} stale keys`);
      const keys = (await site.etcdctl(["get", "--prefix", "/registry/", "--keys-only"])).split("\n").filter(Boolean);
      expect(keys.toSorted()).toEqual([...ALIVE, ...Object.keys(KEPT)].toSorted());
      expect(readFileSync(journal, "utf8")).toContain(later);
    },
  );
});
