import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BundleNode, flip } from "../support/bundle-node.ts";
import { newAgeIdentity, newBundleKey, RESTORE_SH, signBundle } from "../support/restore-bundle.ts";
import type { MadeBundle, TarItem } from "../support/restore-bundle.ts";
import { needs, requireProgram } from "../support/programs.ts";

/** Where old programs are tried: openssl 1.0.2 has no X25519. */
const skipsX25519 = (process.env["LIFEBOAT_TEST_OLD_PROGRAMS"] ?? "") !== "";

/** restore.sh with bundles as they are made, and what a node does about others. The matrices of what is refused: refusals.exhaustive.test.ts. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh", () => {
  let node: BundleNode;
  let right: MadeBundle;

  beforeAll(async () => {
    node = await BundleNode.make();
    right = node.make();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("verifies a bundle, says its plan, and changes nothing", async () => {
    const verified = await node.here("verify", right);
    expect(verified).toMatchObject({ code: 0, err: "" });
    expect(verified.out).toMatch(/plan digest {2}([0-9a-f]{4} ){3}[0-9a-f]{4}:/);
    // A root without etcd, whatever this machine has: the commands of apply cannot be told, and the rest is.
    const root = node.newPath();
    mkdirSync(root);
    const plan = await node.here("plan", right, "--root", root);
    expect(plan).toMatchObject({ code: 0, err: "" });
    expect(plan.out).toContain("how etcd runs here is not known");
    expect(plan.out).toContain("revision     1000 becomes 1000001000");
    expect(plan.out).toContain("m1: peers http://127.0.0.1:2380");
  });

  test("says what is there of a bundle whose payload is still to come", async () => {
    const bundle = node.copyOf(right);
    rmSync(bundle.payload);
    expect((await node.here("plan", bundle)).out).toContain("not there yet");
    expect(await node.here("verify", bundle)).toMatchObject({
      code: 2,
      err: expect.stringContaining("the payload is not there") as string,
    });
  });

  test("exports the snapshot as etcd sent it, for its owner alone, and overwrites nothing", async () => {
    const exported = await node.here("export", right, "--out", "plain.db");
    expect(exported).toMatchObject({ code: 0, err: "" });
    expect(exported.out).toContain("It holds every secret");
    const file = join(right.folder, "plain.db");
    expect(readFileSync(file).equals(node.snapshot)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, "mine");
    expect(await node.here("export", right, "--out", "plain.db")).toMatchObject({ code: 2 });
    expect(readFileSync(file, "utf8")).toBe("mine");
    rmSync(file);
    expect(await node.here("export", right)).toMatchObject({ code: 2, err: expect.stringContaining("--out FILE") as string });
    expect(await node.here("export", right, "--out", "nowhere/plain.db")).toMatchObject({ code: 2 });
  });

  test("runs from the unpacked tar too, with a fingerprint as it is read aloud", async () => {
    const bundle = node.copyOf(right);
    await execa("tar", ["-xf", bundle.tar], { cwd: bundle.folder });
    const typed = node.key.fingerprint
      .replace("sha256:", "")
      .toUpperCase()
      .replaceAll(/(.{4})/g, "$1 ")
      .trim();
    const args = ["verify", "--fingerprint", typed, "--identity", node.identity];
    expect(await node.run(args, bundle.folder, join(bundle.folder, "bundle/restore.sh"))).toMatchObject({ code: 0 });
    expect(await node.run([...args.slice(0, 2), typed.replaceAll(" ", ":"), ...args.slice(3)], bundle.folder)).toMatchObject({ code: 0 });
  });

  describe("believes one key", () => {
    test("never one out of the bundle", async () => {
      const ended = await node.run(["verify", "--identity", node.identity], right.folder);
      expect(ended).toMatchObject({ code: 2, err: expect.stringContaining("which bundle key to believe is not known") as string });
    });

    test("the one that is pinned on the node, and not a typed one beside it", async () => {
      const root = node.newPath();
      const pinned = join(root, "etc/etcd-lifeboat/bundle.fingerprint");
      mkdirSync(join(root, "etc/etcd-lifeboat"), { recursive: true });
      writeFileSync(pinned, `# of the platform team\n${node.key.fingerprint}\n`, { mode: 0o644 });
      copyFileSync(node.identity, join(root, "etc/etcd-lifeboat/node.key"));
      const verified = await node.run(["verify", "--root", root, "--dir", right.folder], "/");
      expect(verified).toMatchObject({ code: 0 });
      expect(verified.out).toContain(`believed by ${pinned}`);
      const other = await node.run(["verify", "--root", root, "--dir", right.folder, "--fingerprint", newBundleKey().fingerprint], "/");
      expect(other).toMatchObject({ code: 4, err: expect.stringContaining("is not the one in") as string });
      writeFileSync(join(root, "etc/etcd-lifeboat/cluster"), "staging\n", { mode: 0o644 });
      const wrong = await node.run(["verify", "--root", root, "--dir", right.folder], "/");
      expect(wrong).toMatchObject({ code: 4, err: expect.stringContaining("this node belongs to staging") as string });
      chmodSync(pinned, 0o666);
      expect(await node.run(["verify", "--root", root, "--dir", right.folder], "/")).toMatchObject({ code: 5 });
    });

    test("and not another, whatever it signed", async () => {
      const bundle = node.copyOf(right);
      signBundle(bundle.tar, readFileSync(bundle.tar), newBundleKey());
      expect(await node.here("verify", bundle)).toMatchObject({
        code: 4,
        err: expect.stringContaining("letter by letter. If what you gave is right, do not use these files") as string,
      });
    });
  });

  test("refuses what the key did not sign, what it should not have signed, and what came for others or too late", async () => {
    const spoilt = node.copyOf(right);
    flip(spoilt.tar, 700_000);
    expect(await node.here("verify", spoilt)).toMatchObject({ code: 4, err: expect.stringContaining("does not hold") as string });
    const link: TarItem = { name: "bundle/lib/x", mode: 0o644, bytes: Buffer.alloc(0), type: "2", linkName: "/etc/passwd" };
    const linked = node.make({ entries: (entries) => [link, ...entries] });
    expect(await node.here("verify", linked)).toMatchObject({ code: 4, err: expect.stringContaining("no regular file") as string });
    const twice = node.make({ planText: (text) => `${text}CLUSTER=staging\n` });
    expect(await node.here("verify", twice)).toMatchObject({ code: 4, err: expect.stringContaining("CLUSTER is there twice") as string });
    const late = node.make({ plan: { CREATED_EPOCH: "1000000000", EXPIRES_EPOCH: "1000003600", EXPIRES_AT: "2001-09-09T02:46:40.000Z" } });
    expect(await node.here("verify", late)).toMatchObject({
      code: 4,
      err: expect.stringContaining("the bundle expired at 2001") as string,
    });
  });

  test("refuses a bundle for somebody else, and a node without an identity", async () => {
    const other = node.make({ recipient: newAgeIdentity(join(node.folder, "other.key")), name: "node-b" });
    expect(await node.here("verify", other)).toMatchObject({ code: 4, err: expect.stringContaining("is for node-b (age1") as string });
    const none = await node.run(["verify", "--fingerprint", node.key.fingerprint, "--identity", "/nowhere"], right.folder);
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining("restore.sh keygen") as string });
  });

  test("refuses a payload that holds another snapshot than is signed, and a cut stream", async () => {
    const other = node.make({ plan: { SNAPSHOT_SHA256: "0".repeat(64) } });
    expect(await node.here("export", other, "--out", "plain.db")).toMatchObject({
      code: 4,
      err: expect.stringContaining("is not the snapshot that is signed") as string,
    });
    expect(readdirSync(other.folder).filter((each) => each.includes("plain"))).toEqual([]);
  });

  test("says what it lacks, and where a full disk was", async () => {
    const huge = node.make({ plan: { SNAPSHOT_BYTES: "900000000000000000" } });
    expect(await node.here("export", huge, "--out", "plain.db")).toMatchObject({
      code: 5,
      err: expect.stringContaining("bytes free") as string,
    });
    const poor = join(node.folder, "poor");
    mkdirSync(poor);
    for (const each of readdirSync(node.path).filter((name) => name !== "openssl")) await execa("cp", ["-a", join(node.path, each), poor]);
    const args = ["verify", "--fingerprint", node.key.fingerprint, "--identity", node.identity];
    const ended = await execa(RESTORE_SH, args, { cwd: right.folder, env: { PATH: poor }, extendEnv: false, reject: false });
    expect(ended).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("openssl is not on PATH") as string });
  });

  test("takes no option and no environment for another one", async () => {
    expect(await node.run([], right.folder)).toMatchObject({ code: 2 });
    expect(await node.run(["destroy"], right.folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining("no command destroy") as string,
    });
    expect(await node.run(["verify", "--fingerprint"], right.folder)).toMatchObject({ code: 2 });
    expect(await node.run(["verify", "--force"], right.folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining("no option --force") as string,
    });
    expect(await node.run(["--help"], right.folder)).toMatchObject({ code: 0, err: "" });
    const env = { PATH: node.path, TAR_OPTIONS: "--to-command=/bin/false", TMPDIR: "/nowhere", IFS: "/" };
    const args = ["verify", "--fingerprint", node.key.fingerprint, "--identity", node.identity];
    expect(await execa(RESTORE_SH, args, { cwd: right.folder, env, extendEnv: false, reject: false })).toMatchObject({ exitCode: 0 });
  });

  test.each(["SIGINT", "SIGTERM"] as const)("leaves nothing half done after %s, and shows no secret to other processes", async (signal) => {
    const slow = node.make({ unzstd: `#!/bin/bash\nread -r -n 1 _; : > ${join(node.folder, signal)}; exec sleep 60\n` });
    const args = ["export", "--fingerprint", node.key.fingerprint, "--identity", node.identity, "--out", "plain.db"];
    const before = readdirSync(slow.folder);
    const child = execa(RESTORE_SH, args, { cwd: slow.folder, env: { PATH: node.path }, extendEnv: false, reject: false, detached: true });
    while (!existsSync(join(node.folder, signal))) await new Promise((resolve) => setTimeout(resolve, 20));
    const lines = readdirSync("/proc")
      .filter((each) => /^\d+$/.test(each))
      .map(commandLine);
    expect(lines.some((line) => line.includes("restore.sh"))).toBe(true);
    expect(lines.filter((line) => line.includes("AGE-SECRET-KEY"))).toEqual([]);
    expect(grepSecret(slow.folder)).toEqual([]);
    // The whole group, as a terminal does.
    process.kill(-(child.pid ?? 0), signal);
    expect(await child).toMatchObject({ exitCode: 130, stderr: expect.stringContaining(`interrupted by ${signal}`) as string });
    expect(readdirSync(slow.folder)).toEqual(before);
  });

  test("takes away what a killed run left", async () => {
    const bundle = node.copyOf(right);
    for (const name of [".lifeboat-restore.999999999.abcdefgh", ".plain.db.lifeboat.999999999.abcdefgh"])
      if (name.includes("plain")) writeFileSync(join(bundle.folder, name), "secret");
      else mkdirSync(join(bundle.folder, name));
    expect(await node.here("export", bundle, "--out", "plain.db")).toMatchObject({ code: 0 });
    expect(readdirSync(bundle.folder).filter((each) => each.includes("lifeboat"))).toEqual([]);
  });

  test("says that an openssl without X25519 makes no identity, and leaves nothing", async () => {
    const folder = node.newPath();
    mkdirSync(folder);
    const path = node.newPath();
    mkdirSync(path);
    for (const each of readdirSync(node.path).filter((name) => name !== "openssl")) await execa("cp", ["-a", join(node.path, each), path]);
    const old = `#!/bin/bash\n[[ $* != *X25519* ]] || { echo "Algorithm X25519 not found" >&2; exit 1; }\nexec ${join(node.path, "openssl")} "$@"\n`;
    writeFileSync(join(path, "openssl"), old, { mode: 0o755 });
    const args = ["keygen", "--out", "node.key", "--name", "cp-1"];
    const ended = await execa(RESTORE_SH, args, { cwd: folder, env: { PATH: path }, extendEnv: false, reject: false });
    expect(ended).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/has no X25519\n {2}next: make .* with age-keygen/) as string,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.skipIf(skipsX25519)("makes an identity that age knows", async () => {
    const folder = node.newPath();
    mkdirSync(folder);
    const made = await node.run(["keygen", "--out", "node.key", "--name", "cp-1"], folder);
    expect(made).toMatchObject({ code: 0 });
    expect(made.err).toContain(`  cp-1: ${made.out}`);
    const file = join(folder, "node.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await execa(requireProgram("age-keygen"), ["-y", file])).stdout).toBe(made.out);
    expect(await node.run(["keygen", "--out", "node.key", "--name", "cp-1"], folder)).toMatchObject({ code: 2 });
    const bundle = node.make({ recipient: made.out });
    const args = ["verify", "--fingerprint", node.key.fingerprint, "--identity", file, "--dir", bundle.folder];
    expect(await node.run(args, folder)).toMatchObject({ code: 0 });
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** Files under `folder` that hold an identity in plain text. */
function grepSecret(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && statSync(join(each.parentPath, each.name)).size < 10_000_000)
    .map((each) => join(each.parentPath, each.name))
    .filter((file) => /AGE-SECRET-KEY-1[0-9A-Z]{58}/.test(readFileSync(file, "latin1")));
}
