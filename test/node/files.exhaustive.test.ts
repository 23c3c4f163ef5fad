import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BundleNode } from "../support/bundle-node.ts";
import { filesNode, sourceRoot, SET_PATHS, treeOf } from "../support/files-node.ts";
import type { FilesNode } from "../support/files-node.ts";
import { packSet } from "../support/packed-set.ts";
import { writeTarItems } from "../support/restore-bundle.ts";
import type { TarItem } from "../support/restore-bundle.ts";
import { needs } from "../support/programs.ts";
import { FILES_STEPS, hookInto, wasHitOn } from "./suites/steps.ts";

const LONG = 300_000;

/** restore.sh files: killed everywhere, and with archives that no collect.sh makes. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh files", () => {
  let made: BundleNode;

  beforeAll(async () => {
    made = await BundleNode.make();
  });
  afterAll(() => made[Symbol.asyncDispose]());

  /** Kills: the function, and its first argument below the node's root or as it is. */
  const kills: readonly (readonly [what: string, step: string])[] = [
    ...FILES_STEPS.flatMap((step) => [["run_files_step", step] as const, ["step_ended", step] as const]),
    ["keep_file", "/etc/kubernetes/admin.conf"],
    ["make_folder", "/etc/kubernetes/pki/etcd"],
    ["place_file", "/etc/kubernetes/pki/etcd/server.key"],
    ["place_file", "/etc/kubernetes/manifests/etcd.yaml"],
    ["give", "/etc/kubernetes/pki/.ca.key.node-files"],
    ["rename", "/etc/kubernetes/manifests/.etcd.yaml.node-files"],
    ["rename", "/var/lib/kubelet/pki/.kubelet-client-2026.pem.node-files"],
  ];

  describe("killed", () => {
    let node: FilesNode;
    let before: Readonly<Record<string, string>>;
    let placed: Readonly<Record<string, string>>;

    beforeAll(async () => {
      node = filesNode(made);
      before = treeOf(node.root);
      const other = filesNode(made);
      expect(await other.run(["files", "--apply"])).toMatchObject({ code: 0 });
      placed = without(treeOf(other.root, false), other.root);
    }, LONG);

    const killed = async (what: string, step: string, action: string): Promise<void> => {
      const argument = step.startsWith("/") ? `${node.root}${step}` : step;
      const ended = await node.run(["files", action], hookInto(node, what, argument, "kill -9 $$"));
      expect(ended.code, ended.err).not.toBe(0);
      expect(wasHitOn(node), ended.err).toBe(true);
    };
    const rolledBack = async (): Promise<void> => {
      const ended = await node.run(["files", "--rollback"]);
      if (ended.code !== 0) expect(ended.err).toContain("there is nothing to take back");
      expect(treeOf(node.root)).toEqual(before);
    };

    test.each(kills)(
      "in %s %s: rollback brings back what was there; killed once more, apply goes on",
      { timeout: LONG },
      async (what, step) => {
        await killed(what, step, "--apply");
        await rolledBack();
        await killed(what, step, "--apply");
        const begun = (await node.run(["files", "--status"])).code === 6;
        if (begun) expect(await node.run(["apply"])).toMatchObject({ code: 6, err: expect.stringContaining("not all placed") as string });
        expect(await node.run(["files", "--apply"])).toMatchObject({ code: 0 });
        expect(without(treeOf(node.root, false), node.root)).toEqual(placed);
        expect(await node.run(["files", "--status"])).toMatchObject({ code: 0, out: expect.stringMatching(/done$/) as string });
        await rolledBack();
      },
    );

    test.each([
      ["put_back", "replace"],
      ["put_back", "make"],
      ["put_back", "folder"],
      ["rename", "/etc/kubernetes/.admin.conf.node-files"],
    ])("in %s %s of a rollback: apply is refused, and rollback goes on", { timeout: LONG }, async (what, step) => {
      expect(await node.run(["files", "--apply"])).toMatchObject({ code: 0 });
      await killed(what, step, "--rollback");
      expect(await node.run(["files", "--apply"])).toMatchObject({ code: 6, err: expect.stringContaining("did not end") as string });
      await rolledBack();
    });
  });

  test("waits for a restore that was begun", { timeout: LONG }, async () => {
    const node = filesNode(made);
    const state = join(node.root, "var/lib/etcd-lifeboat/restore");
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, "journal"), "set PLAN 0123\nbegin decrypt 1\n");
    for (const action of ["--apply", "--rollback"]) {
      mkdirSync(join(node.root, "var/lib/etcd-lifeboat/node-files"), { recursive: true });
      expect(await node.run(["files", action])).toMatchObject({
        code: 6,
        err: expect.stringContaining("a restore was begun on this node and did not end") as string,
      });
    }
    expect(existsSync(join(node.root, "etc/kubernetes/pki/etcd"))).toBe(false);
  });

  test("writes through a link that leads out of the set's folders only when told", { timeout: LONG }, async () => {
    const node = filesNode(made);
    const manifests = join(node.root, "etc/kubernetes/manifests");
    const elsewhere = join(node.root, "data/manifests");
    mkdirSync(join(node.root, "data"));
    renameSync(manifests, elsewhere);
    symlinkSync(elsewhere, manifests);
    const diff = await node.run(["files"]);
    expect(diff.out).toContain(`LEADS OUT    /etc/kubernetes/manifests/etcd.yaml -> ${elsewhere}/etcd.yaml`);
    const before = treeOf(node.root);
    expect(await node.run(["files", "--apply"])).toMatchObject({ code: 6, err: expect.stringContaining("--through-links") as string });
    expect(treeOf(node.root)).toEqual(before);
    expect(await node.run(["files", "--apply", "--through-links"])).toMatchObject({ code: 0 });
    expect(readFileSync(join(elsewhere, "etcd.yaml"), "utf8")).toContain("3.6.4-0");
    expect(await node.run(["files", "--rollback"])).toMatchObject({ code: 0 });
    expect(treeOf(node.root)).toEqual(before);
  });

  test("makes what a new machine does not have, and takes it away again", { timeout: LONG }, async () => {
    const node = filesNode(made);
    for (const name of readdirSync(node.root)) rmSync(join(node.root, name), { recursive: true });
    const placed = await node.run(["files", "--apply"]);
    expect(placed).toMatchObject({ code: 0 });
    expect(placed.out).toContain("starts       etcd kube-apiserver:");
    const reference = filesNode(made);
    expect(await reference.run(["files"])).toMatchObject({ code: 0 });
    expect((await node.run(["files"])).out).toContain("same         15 files and folders");
    expect(await node.run(["files", "--rollback"])).toMatchObject({ code: 0 });
    expect(Object.keys(treeOf(node.root))).toEqual(["var", "var/lib"]);
  });

  test("refuses what stands in the way, before it changes anything", { timeout: LONG }, async () => {
    const node = filesNode(made);
    rmSync(join(node.root, "etc/etcd.env"));
    mkdirSync(join(node.root, "etc/etcd.env"));
    const before = treeOf(node.root);
    expect(await node.run(["files", "--apply"])).toMatchObject({ code: 6, err: expect.stringContaining("is in the way") as string });
    expect(await node.run(["files", "--apply", "--only", "/nowhere"])).toMatchObject({ code: 2 });
    expect(treeOf(node.root)).toEqual(before);
  });

  test("leaves alone what restore.sh itself believes", { timeout: LONG }, async () => {
    const source = sourceRoot(made);
    mkdirSync(join(source, "etc/etcd-lifeboat"));
    writeFileSync(join(source, "etc/etcd-lifeboat/bundle.fingerprint"), "sha256:evil\n");
    const node = filesNode(made, packSet({ root: source, paths: [...SET_PATHS, "etc/etcd-lifeboat"] }));
    expect((await node.run(["files"])).out).toContain("not placed   /etc/etcd-lifeboat/bundle.fingerprint");
    expect(await node.run(["files", "--apply"])).toMatchObject({ code: 0 });
    expect(existsSync(join(node.root, "etc/etcd-lifeboat"))).toBe(false);
  });

  const first: TarItem = {
    name: "node-files",
    mode: 0o600,
    bytes: Buffer.from("VERSION=1\nCLUSTER=prod\nNODE=node-a\nCOLLECTED_AT=2026-11-21T09:00:00Z\n"),
  };
  const file = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name, mode: 0o600, bytes: Buffer.from("x"), ...more });
  const empty = { bytes: Buffer.alloc(0) };
  const set = (...items: readonly TarItem[]): Buffer => writeTarItems([first, ...items]);

  test.each<[string, () => Buffer, string]>([
    ["a symbolic link", () => set(file("files/etc/x", { type: "2", linkName: "/etc", ...empty })), "neither a regular file nor a folder"],
    ["a hard link", () => set(file("files/a"), file("files/b", { type: "1", linkName: "files/a", ...empty })), "neither a regular file"],
    ["a device", () => set(file("files/a", { type: "3", ...empty })), "neither a regular file"],
    ["a named pipe", () => set(file("files/a", { type: "6", ...empty })), "neither a regular file"],
    ["a pax header", () => set(file("files/a", { type: "x" })), "neither a regular file"],
    ["a GNU long name", () => set(file("files/a", { type: "L" })), "neither a regular file"],
    ["a link's name in a regular file", () => set(file("files/a", { linkName: "b" })), "is a link"],
    ["a path that leads out", () => set(file("files/../../x")), "leads elsewhere"],
    ["an absolute path", () => set(file("/etc/cron.d/x")), "leads elsewhere"],
    ["a path beside files/", () => set(file("bundle/x")), "leads elsewhere"],
    ["an empty part", () => set(file("files//etc/x")), "leads elsewhere"],
    ["a dot for a part", () => set(file("files/./etc/x")), "leads elsewhere"],
    ["a prefix that leads out", () => set(file("x", { header: (header) => header.write("files/../..", 345) })), "leads elsewhere"],
    ["a line break in a name", () => set(file("files/a\nb")), "control characters"],
    ["one path twice", () => set(file("files/a"), file("files/a")), "twice"],
    ["a file that is a folder too", () => set(file("files/a"), file("files/a/b")), "tar could not unpack"],
    ["a file that runs as its owner", () => set(file("files/a", { mode: 0o4755 })), "more than permissions"],
    ["a folder with bytes", () => set(file("files/a/", { type: "5" })), "has bytes"],
    ["a size of its own kind", () => set(file("files/a", { header: (header) => header.writeUInt8(0x80, 124) })), "the size of"],
    ["a file that is too large", () => set(file("files/a", { bytes: Buffer.alloc(16_777_217) })), "larger than 16777216"],
    [
      "too much in all",
      () => set(...Array.from({ length: 5 }, (_, n) => file(`files/${n}`, { bytes: Buffer.alloc(16_000_000) }))),
      "larger than 67108864",
    ],
    ["a wrong checksum", () => spoilt(set(file("files/a")), 512 * 2 + 150), "none of ustar"],
    ["something behind its end", () => Buffer.concat([set(file("files/a")), set(file("files/b"))]), "behind the archive's end"],
    ["no end", () => set(file("files/a")).subarray(0, -1024), "no end"],
    ["a cut end", () => set(file("files/a")).subarray(0, -100), "is cut"],
    ["nothing", () => set(), "they are none"],
    ["another beginning", () => writeTarItems([file("files/a"), first]), "the first entry is not node-files"],
    [
      "another version",
      () =>
        writeTarItems([
          { ...first, bytes: Buffer.from("VERSION=2\nCLUSTER=prod\nNODE=node-a\nCOLLECTED_AT=2026-11-21T09:00:00Z\n") },
          file("files/a"),
        ]),
      "version 2",
    ],
    [
      "another time",
      () =>
        writeTarItems([
          { ...first, bytes: Buffer.from("VERSION=1\nCLUSTER=prod\nNODE=node-a\nCOLLECTED_AT=2026-11-21T09:00:01Z\n") },
          file("files/a"),
        ]),
      "they were collected at 2026-11-21T09:00:01Z, and the bundle says 20261121T090000Z",
    ],
    [
      "another cluster",
      () =>
        writeTarItems([
          { ...first, bytes: Buffer.from("VERSION=1\nCLUSTER=dev\nNODE=node-a\nCOLLECTED_AT=2026-11-21T09:00:00Z\n") },
          file("files/a"),
        ]),
      "of the cluster dev",
    ],
  ])("refuses a set with %s, and changes nothing", { timeout: LONG }, async (_, tar, message) => {
    const node = filesNode(made, tar());
    const before = treeOf(node.root);
    for (const action of ["--diff", "--apply"]) {
      const ended = await node.run(["files", action]);
      expect(ended.err).toContain(message);
      expect(ended.err).not.toContain("unexpected");
      expect([4, 5]).toContain(ended.code);
    }
    expect(treeOf(node.root)).toEqual(before);
  });

  test("refuses more entries than a set has", { timeout: LONG }, async () => {
    const node = filesNode(made, set(...Array.from({ length: 4097 }, (_, n) => file(`files/${n}`, empty))));
    expect(await node.run(["files"])).toMatchObject({ code: 4, err: expect.stringContaining("more than 4096") as string });
  });

  test("shows nothing of a file that is not what its name says, and a long one in hunks as diff does", { timeout: LONG }, async () => {
    const source = sourceRoot(made);
    const lines = Array.from({ length: 120 }, (_, n) => `  line: ${n}`);
    const write = (root: string, name: string, text: string): void => writeFileSync(join(root, "etc/kubernetes/manifests", name), text);
    const changed = lines.filter((_, n) => n % 40 !== 7).flatMap((line, n) => (n % 50 === 20 ? [line, "  added: true"] : [line]));
    write(source, "long.yaml", ["kind: Pod", ...changed, ""].join("\n"));
    write(source, "secret.yaml", "kind: Secret\ndata: SECRET\n");
    write(source, "variables.yaml", "kind: Pod\nenv:\n- name: A\n  value: SECRET\n");
    const node = filesNode(made, packSet({ root: source, paths: SET_PATHS }));
    write(node.root, "long.yaml", ["kind: Pod", ...lines, ""].join("\n"));
    write(node.root, "secret.yaml", "kind: Secret\ndata: SECRET here\n");
    write(node.root, "variables.yaml", "kind: Pod\nenv:\n- name: A\n  value: SECRET here\n");
    const diff = await node.run(["files"]);
    expect(diff.out).not.toContain("SECRET");
    const files = [join(node.root, "etc/kubernetes/manifests/long.yaml"), join(source, "etc/kubernetes/manifests/long.yaml")];
    const { stdout } = await execa("diff", ["-u", ...files], { reject: false });
    const expected = stdout
      .split("\n")
      .slice(2)
      .map((line) => `  ${line}`);
    const at = diff.out.split("\n").indexOf("changed      /etc/kubernetes/manifests/long.yaml");
    expect(diff.out.split("\n").slice(at + 3, at + 3 + expected.length)).toEqual(expected);
  });
});

function spoilt(tar: Buffer, at: number): Buffer {
  tar.writeUInt8(tar.readUInt8(at) ^ 1, at);
  return tar;
}

/** Without the root in what links and files name. */
function without(tree: Readonly<Record<string, string>>, root: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tree).map(([name, what]) => [name, what.replaceAll(root, "")]));
}
