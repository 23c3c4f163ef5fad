import { generateKeyPairSync } from "node:crypto";
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { execaSync } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { fill } from "../../etcd/support/fill.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import type { LifeboatOptions } from "../../support/lifeboat.ts";
import { saying } from "../../support/matchers.ts";
import { apartFromRecords, custodyIn, expectBackup, expectNothing, expectTruth, newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { skipWithout } from "../../support/programs.ts";

/** The store and the keys fail: exit code 5, what is wrong, what to do about it, and no trace of the run. */

let cluster: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  cluster = await startCluster({ version: "3.6" });
  folder = await temporaryFolder();
  // More than every limit below, also when compressed: the values are random.
  await fill(cluster, 8);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

async function failure(place: Place, through: Partial<LifeboatOptions> = {}): Promise<string> {
  const { code, stdout, stderr } = await lifeboat(["backup", "prod"], { ...place.options, ...through });
  expect(`${code}: ${stderr}`).toMatch(/^5: /);
  expect(stdout.split("\n").filter((line) => !line.includes("/custody/") && !line.endsWith("/store.json"))).toEqual([""]);
  expect(stderr).toContain("lifeboat: hint: ");
  return stderr;
}

describe("the store", () => {
  test("may not grow further: nothing is left of what was written, and the older snapshot is as good as before", async () => {
    const place = await newPlace(cluster, folder.path, "limit");
    const { id } = await expectBackup(place);
    const before = await place.stored();
    const told = await failure(place, { through: ["sh", "-c", 'ulimit -f 4096; exec "$@"', "sh"] });
    expect(told).toMatch(/lifeboat: cannot write clusters\/prod\/data\/\S+ in \S+: file too large \(EFBIG\)/);
    expect(told).toContain("raise the file size limit (ulimit -f)");
    expect(apartFromRecords(await place.stored())).toEqual(apartFromRecords(before));
    expect(await custodyIn(place)).toMatchObject({ events: ["lineage-opened", "backup", "verified", "failed"], findings: [] });
    expect(await expectTruth(place)).toEqual([id]);
    await expectBackup(place);
  });

  const mayMount = execaSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { reject: false }).exitCode === 0;
  test.skipIf(skipWithout("mounting in a user namespace", mayMount))("is full: nothing is left of what was written", async () => {
    const place = await newPlace(cluster, folder.path, "full");
    // The disk is there in the namespace only, so what is left on it is listed before that ends.
    const mounted = `mount -t tmpfs -o size=4m none '${place.path("vault")}' && { "$@"; code=$?; find '${place.path("vault")}' -type f; exit $code; }`;
    // What this host remembers of that disk is not to be held against the folder below it.
    const env = { ...place.options.env, XDG_STATE_HOME: place.path("other-state") };
    const told = await failure(place, { env, through: ["unshare", "-rm", "sh", "-c", mounted, "sh"] });
    expect(told).toMatch(/lifeboat: cannot write clusters\/prod\/data\/\S+ in \S+: no space left on device \(ENOSPC\)/);
    expect(told).toContain("lifeboat: hint: free space on that disk or move the store to a larger one, then try again");
    await expectNothing(place);
    await expectBackup(place);
  });

  test("is a file: every command says so, and nothing is streamed", async () => {
    const place = await newPlace(cluster, folder.path, "file");
    const { id } = await expectBackup(place);
    await rename(place.path("vault"), place.path("moved"));
    await writeFile(place.path("vault"), "in its place");
    const told = await failure(place);
    expect(told).not.toContain("stream: ");
    expect(told).toContain(`lifeboat: ${place.path("vault")} is not a folder`);
    expect(told).toContain("lifeboat: hint: move the file that is in its place away, or configure another path for the store");
    for (const args of [["ls"], ["verify", "prod/latest"], ["orphans"]])
      expect(await place.here(...args)).toMatchObject({ code: 5, stdout: "" });
    await rm(place.path("vault"));
    await rename(place.path("moved"), place.path("vault"));
    expect(await expectTruth(place)).toEqual([id]);
    await expectBackup(place);
  });
});

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();

describe("keys that cannot be used are told before a byte is read from etcd", () => {
  test.each<readonly [string, (place: Place) => Promise<void>, RegExp, RegExp]>([
    [
      "no snapshot.key",
      (place) => rm(place.path("keys/snapshot.key")),
      /snapshot\.key not found in \S+: it signs the manifests of backups/,
      /copy snapshot\.key to/,
    ],
    [
      "a snapshot.key of garbage",
      (place) => writeFile(place.path("keys/snapshot.key"), "garbage"),
      /snapshot\.key is not a private key in PEM/,
      /put back the snapshot\.key that lifeboat init made/,
    ],
    [
      "a snapshot.key of another kind",
      (place) => writeFile(place.path("keys/snapshot.key"), rsa),
      /snapshot\.key is rsa, not an ECDSA key on P-256/,
      /put back the snapshot\.key that lifeboat init made/,
    ],
    [
      "a snapshot.key that others may read",
      (place) => chmod(place.path("keys/snapshot.key"), 0o640),
      /snapshot\.key is a private key that users other than its owner can access \(mode 0640\)/,
      /chmod 600 /,
    ],
    [
      "no wrapping.pub",
      (place) => rm(place.path("keys/wrapping.pub")),
      /wrapping\.pub not found in \S+: it encrypts the keys of snapshots/,
      /copy wrapping\.pub to/,
    ],
    [
      "a wrapping.pub of garbage",
      (place) => writeFile(place.path("keys/wrapping.pub"), "garbage"),
      /wrapping\.pub is not one age recipient/,
      /age-keygen -y/,
    ],
    ["no keys at all", (place) => rm(place.path("keys"), { recursive: true }), /snapshot\.key not found in/, /copy snapshot\.key to/],
  ])("%s", async (name, damage, message, hint) => {
    const place = await newPlace(cluster, folder.path, name);
    await damage(place);
    const told = await failure(place);
    expect(told).toMatch(message);
    expect(/hint: (.*)/.exec(told)?.[1]).toMatch(hint);
    expect(told).not.toContain("BEGIN PRIVATE KEY");
    expect(told).not.toContain("stream: ");
    await expectNothing(place);
  });

  test("a wrapping.key that cannot open anything is exit code 5 for what reads, and backups go on", async () => {
    const place = await newPlace(cluster, folder.path, "no reader");
    await writeFile(place.path("keys/wrapping.key"), "garbage", { mode: 0o600 });
    const { code, stdout } = await lifeboat(["backup", "prod"], place.options);
    const [, ref = ""] = /^snapshot: +(\S+)\n/.exec(stdout) ?? [];
    expect({ code, ref }).toEqual({ code: 0, ref: saying("prod/") });
    for (const args of [
      ["verify", "prod/latest", "--deep"],
      ["export", ref, "--unverified", "--out", "out.db"],
    ]) {
      const outcome = await place.here(...args);
      expect(outcome).toMatchObject({ code: 5, stdout: "" });
      expect(outcome.stderr).toContain("wrapping.key");
      expect(outcome.stderr).not.toContain("garbage");
    }
    expect(await expectTruth(place)).toHaveLength(1);
    expect((await place.here("export", ref, "--unverified", "--out", "out.db", "--identity", "break-glass.key")).code).toBe(0);
  });
});
