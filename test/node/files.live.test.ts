import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newIdentity, readdress } from "../../shared/seal/age.ts";
import { BundleNode } from "../support/bundle-node.ts";
import { filesNode, IN_SET, sourceRoot, SET_PATHS, treeOf } from "../support/files-node.ts";
import { packSet } from "../support/packed-set.ts";
import { age } from "../support/restore-bundle.ts";
import { needs } from "../support/programs.ts";

/** restore.sh files, with sets as tar makes them. Kills and hostile archives: files.exhaustive.test.ts. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh files", () => {
  let made: BundleNode;

  beforeAll(async () => {
    made = await BundleNode.make();
  });
  afterAll(() => made[Symbol.asyncDispose]());

  test("shows what differs and no secret, places it, and brings back what was there", { timeout: 120_000 }, async () => {
    // As the desk gives it: of what age encrypted to the intake, with another header.
    const intake = await newIdentity();
    const tar = packSet({ root: sourceRoot(made), paths: SET_PATHS });
    const node = filesNode(made, tar, await readdress(age(tar, intake.recipient), [intake.identity], [made.recipient]));
    const before = treeOf(node.root);
    const diff = await node.run(["files", "--diff"]);
    expect(diff).toMatchObject({ code: 0, err: "" });
    expect(treeOf(node.root)).toEqual(before);
    expect(diff.out.split("\n")).toEqual(
      expect.arrayContaining([
        "node files   of node-a (prod), collected 2026-11-21T09:00:00Z: 9 files, 6 folders",
        "changed      /etc/kubernetes/manifests/etcd.yaml",
        "  -    image: registry.k8s.io/etcd:3.5.21-0",
        "  +    image: registry.k8s.io/etcd:3.6.4-0",
        "changed      /etc/kubernetes/pki/ca.key",
        "missing      /etc/kubernetes/pki/etcd/server.key: mode 640, owner 997:996",
        "attributes   /etc/kubernetes/pki/ca.crt, mode 600 here and 644 in the set",
        "changed      /etc/kubernetes/enc/config.yaml, mode 644 here and 600 in the set",
        "only here    /etc/kubernetes/manifests/mine.yaml: left alone",
        "restarts     etcd: the kubelet starts a static pod anew when its manifest changes",
      ]),
    );
    expect(diff.out).toContain(`kubelet-client-current.pem (a link leads to ${node.root}/var/lib/kubelet/pki/kubelet-client-2026.pem)`);
    expect(diff.out).not.toContain("SECRET");

    const placed = await node.run(["files", "--apply"]);
    expect(placed).toMatchObject({ code: 0, err: "restore.sh: keep\nrestore.sh: folders\nrestore.sh: place\nrestore.sh: check" });
    for (const [path, [text, mode]] of Object.entries(IN_SET)) {
      expect(readFileSync(join(node.root, path), "utf8"), path).toBe(text);
      expect(statSync(join(node.root, path)).mode & 0o7777, path).toBe(mode);
    }
    expect(statSync(join(node.root, "etc/kubernetes/pki/etcd/server.key"))).toMatchObject({ uid: 997, gid: 996 });
    expect(readFileSync(join(node.root, "etc/kubernetes/manifests/mine.yaml"), "utf8")).toContain("mine");
    const state = join(node.root, "var/lib/etcd-lifeboat");
    expect(statSync(state).mode & 0o777).toBe(0o700);
    const again = await node.run(["files", "--apply"]);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining("nothing to do") as string, err: "" });

    expect(await node.run(["files", "--rollback"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("rolled back: 9 files and folders are what they were") as string,
      err: "",
    });
    expect(readdirSync(join(state, "node-files")).filter((each) => each.startsWith("before-"))).toEqual([]);
    expect(treeOf(node.root)).toEqual(before);
  });

  test("places a part, and refuses another node's set, a bundle without one", { timeout: 120_000 }, async () => {
    const node = filesNode(made);
    expect(await node.run(["files", "--apply", "--only", "/etc/kubernetes/pki/"])).toMatchObject({ code: 0 });
    expect(readFileSync(join(node.root, "etc/kubernetes/pki/ca.key"), "utf8")).toContain("of the set");
    expect(readFileSync(join(node.root, "etc/etcd.env"), "utf8")).toContain("here");

    const foreign = filesNode(made, packSet({ root: sourceRoot(made), paths: SET_PATHS, node: "node-b" }));
    expect(await foreign.run(["files", "--apply"])).toMatchObject({
      code: 4,
      err: expect.stringContaining("they are those of node-b, and the bundle is for node-a") as string,
    });
    expect(await made.here("files", made.make())).toMatchObject({
      code: 2,
      err: expect.stringContaining("there are no node files in node-a.tar") as string,
    });
  });
});
