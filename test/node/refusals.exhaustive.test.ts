import { randomBytes } from "node:crypto";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BundleNode, flip } from "../support/bundle-node.ts";
import type { BundleMaking, MadeBundle, TarItem } from "../support/restore-bundle.ts";
import { needs } from "../support/programs.ts";

/** What no plan may get a node to make. */
const PWNED = join(tmpdir(), `lifeboat-pwned-${randomBytes(8).toString("hex")}`);

/** Bundles that are not as they were signed, and rightly signed ones that no lifeboat makes. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh", () => {
  let node: BundleNode;
  let right: MadeBundle;

  beforeAll(async () => {
    node = await BundleNode.make();
    right = node.make();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test.each([
    ["the first byte of the tar", (bundle: MadeBundle) => flip(bundle.tar, 0), "does not hold"],
    ["a program in the tar", (bundle: MadeBundle) => flip(bundle.tar, Math.floor(statSync(bundle.tar).size / 2)), "does not hold"],
    ["the last byte of the tar", (bundle: MadeBundle) => flip(bundle.tar, -1), "does not hold"],
    ["a byte more in the tar", (bundle: MadeBundle) => writeFileSync(bundle.tar, "x", { flag: "a" }), "does not hold"],
    ["the signature's first byte", (bundle: MadeBundle) => flip(`${bundle.tar}.sig`, 0), "does not hold"],
    ["the signature's last byte", (bundle: MadeBundle) => flip(`${bundle.tar}.sig`, -1), "does not hold"],
    ["the public key", (bundle: MadeBundle) => flip(join(bundle.folder, "bundle.pub"), 100), "bundle.pub is"],
    ["the payload's first byte", (bundle: MadeBundle) => flip(bundle.payload, 0), "another SHA-256"],
    ["the payload's last byte", (bundle: MadeBundle) => flip(bundle.payload, -1), "another SHA-256"],
    ["the payload's end", (bundle: MadeBundle) => writeFileSync(bundle.payload, "x", { flag: "a" }), "are signed"],
  ])("refuses a bundle with a change in %s", async (_, spoil, message) => {
    const bundle = node.copyOf(right);
    spoil(bundle);
    for (const command of ["verify", "export"])
      expect(await node.here(command, bundle, "--out", "plain.db")).toMatchObject({
        code: 4,
        err: expect.stringContaining(message) as string,
      });
    expect(existsSync(join(bundle.folder, "plain.db"))).toBe(false);
  });

  const added = (item: Partial<TarItem> & Pick<TarItem, "name">) => (entries: readonly TarItem[]) => [
    { mode: 0o644, bytes: Buffer.alloc(0), ...item },
    ...entries,
  ];
  test.each<[string, Partial<BundleMaking>, string]>([
    ["a symbolic link", { entries: added({ name: "bundle/lib/x", type: "2", linkName: "/etc/passwd" }) }, "no regular file"],
    ["a hard link", { entries: added({ name: "bundle/lib/x", type: "1", linkName: "bundle/plan" }) }, "no regular file"],
    ["a device", { entries: added({ name: "bundle/lib/x", type: "3" }) }, "no regular file"],
    ["a named pipe", { entries: added({ name: "bundle/lib/x", type: "6" }) }, "no regular file"],
    ["a folder", { entries: added({ name: "bundle/lib/x", type: "5" }) }, "no regular file"],
    [
      "a pax header",
      { entries: added({ name: "bundle/lib/x", type: "x", bytes: Buffer.from("20 path=/etc/passwd\n") }) },
      "no regular file",
    ],
    ["a GNU long name", { entries: added({ name: "bundle/lib/x", type: "L", bytes: Buffer.from("/etc/passwd\0") }) }, "no regular file"],
    ["a name that leads out", { entries: added({ name: "bundle/../../x" }) }, "a name that no bundle has"],
    ["an absolute name", { entries: added({ name: "/etc/cron.d/x" }) }, "a name that no bundle has"],
    [
      "a name of two parts",
      { entries: added({ name: "bundle/lib/x", header: (header) => header.write("/etc", 345) }) },
      "more in its header",
    ],
    ["a link's name in a regular file", { entries: added({ name: "bundle/lib/x", linkName: "y" }) }, "is a link"],
    ["a hidden file", { entries: added({ name: "bundle/.bashrc" }) }, "a name that no bundle has"],
    ["a name with a line end", { entries: added({ name: "bundle/x\ny" }) }, "a name that no bundle has"],
    ["one name twice", { entries: (entries) => [...entries, ...entries.slice(0, 1)] }, "twice"],
    ["no program", { entries: (entries) => entries.filter(({ name }) => name !== "bundle/bin/etcdutl") }, "it has no bundle/bin/etcdutl"],
    ["a file that no sum names", { entries: added({ name: "bundle/lib/x" }) }, "SHA256SUMS does not name every file"],
    [
      "another file than its sum",
      {
        entries: (entries) =>
          entries.map((each) => (each.name === "bundle/bin/age" ? { ...each, bytes: Buffer.from("#!/bin/sh\n") } : each)),
      },
      "SHA256SUMS does not fit",
    ],
    ["something behind its end", { tar: (tar) => Buffer.concat([tar, Buffer.alloc(512)]) }, "behind its end"],
    ["a second archive behind its end", { tar: (tar) => Buffer.concat([tar, tar]) }, "behind its end"],
    ["no end", { tar: (tar) => tar.subarray(0, -1024) }, "it has no end"],
    ["another manifest", { plan: { MANIFEST_SHA256: "0".repeat(64) } }, "the manifest is not the one"],
    ["another plan", { recipientFile: { PLAN_SHA256: "0".repeat(64) } }, "the plan is not the one"],
  ])("refuses a rightly signed tar with %s", async (_, changes, message) => {
    const ended = await node.here("verify", node.make(changes));
    expect(ended).toMatchObject({ code: 4, err: expect.stringContaining(message) as string });
  });

  const changedText = (from: string | RegExp, to: string) => ({ planText: (text: string) => text.replace(from, to) });
  test.each<[string, Partial<BundleMaking>, string]>([
    ["a key twice", { planText: (text) => `${text}CLUSTER=staging\n` }, "CLUSTER is there twice"],
    ["CR LF", { planText: (text) => text.replaceAll("\n", "\r\n") }, "no printable ASCII"],
    ["a zero byte", changedText("CLUSTER=prod", "CLUSTER=pr\0od"), "no printable ASCII"],
    ["text beyond ASCII", changedText("LACKS=", "LACKS=ä"), "no printable ASCII"],
    ["no end of the last line", { planText: (text) => text.trimEnd() }, "its last line has no end"],
    ["a line that is none", changedText("FORMAT=1\n", "FORMAT=1\nexport X=1\n"), "line 2"],
    ["an empty line", changedText("FORMAT=1\n", "FORMAT=1\n\n"), "line 2"],
    ["a comment", changedText("FORMAT=1\n", "# plan\nFORMAT=1\n"), "line 1"],
    ["a blank at an end", changedText("CLUSTER=prod", "CLUSTER=prod "), "has a blank at its end"],
    ["a huge line", { plan: { LACKS: "x".repeat(5000) } }, "is longer than 4096 bytes"],
    ["a huge file", { planText: (text) => `${text}${"X=\n".repeat(40_000)}` }, "larger than 65536 bytes"],
    ["a huge number", { plan: { BUMP_REVISION: "99999999999999999999" } }, "BUMP_REVISION"],
    ["an octal number", { plan: { SNAPSHOT_BYTES: "0777" } }, "SNAPSHOT_BYTES"],
    ["arithmetic for a number", { plan: { MEMBERS: `a[$(touch ${PWNED})]` } }, "MEMBERS"],
    ["a sum that is wrong", { plan: { REVISION_AFTER: "7" } }, "REVISION_AFTER"],
    ["no token", { plan: { TOKEN: undefined } }, "TOKEN"],
    ["an option for a token", { plan: { TOKEN: "--skip-hash-check" } }, "TOKEN"],
    ["a payload elsewhere", { plan: { PAYLOAD_FILE: "../../etc/passwd" } }, "PAYLOAD_FILE"],
    ["a data directory that leads out", { plan: { MEMBER_1_DATA_DIR: "/var/lib/../../etc" } }, "MEMBER_1_DATA_DIR"],
    ["a member too few", { plan: { MEMBERS: "2" } }, "MEMBER_2_NAME"],
    ["members that are not the cluster", { plan: { INITIAL_CLUSTER: "m1=http://127.0.0.1:1" } }, "INITIAL_CLUSTER"],
    ["a URL with a path", { plan: { MEMBER_1_PEER_URLS: "http://127.0.0.1:1/x" } }, "MEMBER_1_PEER_URLS"],
    ["a format of later days", { plan: { FORMAT: "2" } }, "has format 2"],
  ])("refuses a plan with %s", async (_, changes, message) => {
    const ended = await node.here("verify", node.make(changes));
    expect(ended).toMatchObject({ code: 4, err: expect.stringContaining(message) as string });
    expect(existsSync(PWNED)).toBe(false);
  });

  const past = { CREATED_EPOCH: "1795000000", EXPIRES_EPOCH: "1795003600", EXPIRES_AT: "2026-11-18T11:06:40.000Z" };
  const foreign = process.arch === "arm64" ? "amd64" : "arm64";
  test.each<[string, Partial<BundleMaking>, number, string]>([
    ["expired", { plan: past }, 4, "the bundle expired at 2026-11-18T11:06:40.000Z"],
    ["from the future", { plan: { CREATED_EPOCH: "4000000000", EXPIRES_EPOCH: "4000003600" } }, 5, "set the clock"],
    ["for another architecture", { plan: { ARCH: foreign } }, 5, `the bundle's programs are for ${foreign}`],
    ["with another cluster's identity", { identityText: (text) => text.replace("prod", "staging") }, 4, "is not that of prod/2026"],
    ["with another snapshot's identity", { identityText: (text) => text.replace("20261121", "20261122") }, 4, "is not that of prod/2026"],
    ["with an identity that is none", { identityText: (text) => text.replace("AGE-", "AGE=") }, 4, "is none"],
    ["with two identities", { identityText: (text) => text + text }, 4, "is none"],
  ])("refuses a bundle that is %s", async (_, changes, code, message) => {
    expect(await node.here("verify", node.make(changes))).toMatchObject({ code, err: expect.stringContaining(message) as string });
  });
});
