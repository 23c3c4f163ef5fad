import { createHash } from "node:crypto";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { DisableKeyCommand, EnableKeyCommand } from "@aws-sdk/client-kms";
import type { KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { PURPOSES } from "../../shared/keys/key-ring.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { fill } from "../etcd/support/fill.ts";
import { createKmsKeys, kmsClient } from "../support/kms-keys.ts";
import type { KmsKeys } from "../support/kms-keys.ts";
import { newKopiaPlace, REAL_KOPIA } from "../support/kopia-place.ts";
import type { Place } from "../support/place.ts";
import { skipWithout } from "../support/programs.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** The commands on a Kopia repository in a locked bucket, whose password is wrapped by KMS: with a real kopia alone, since the stand-in knows no S3. */

const keysJson = z.object({ signing: z.array(z.object({ purpose: z.enum(PURPOSES), fingerprint: z.string() })) });
const maintained = z.object({ locksExtended: z.number(), lock: z.object({ mode: z.string(), days: z.number(), isExtended: z.boolean() }) });
const manifest = z.object({ manifest: z.object({ snapshot: z.object({ sha256: z.string() }) }) });

describe.skipIf(skipWithout("kopia", REAL_KOPIA !== undefined))("a Kopia repository in S3, with keys in KMS", () => {
  let folder: TemporaryFolder;
  let cluster: EtcdCluster;
  let gateway: VersityGateway;
  let other: VersityGateway | undefined;
  let stack: MiniStack;
  let admin: KMSClient;
  let keys: KmsKeys;
  let place: Place;

  beforeAll(async () => {
    [folder, cluster, gateway, stack] = await Promise.all([
      temporaryFolder(),
      startCluster({ version: "3.6" }),
      startVersityGateway(),
      startMiniStack(),
    ]);
    await fill(cluster, 8);
    // The AWS SDK looks for credentials in the process's own environment; MiniStack takes any, and the account from them.
    for (const [name, value] of Object.entries(gateway.environment)) vi.stubEnv(name, value);
    admin = kmsClient(stack, gateway.credentials.accessKeyId);
    keys = await createKmsKeys(admin, stack, "lifeboat");
    place = await newKopiaPlace(cluster, folder.path, "place");
    const bucket = await gateway.makeBucket({ lock: true });
    const at = `region: ${gateway.region}, endpoint: "${gateway.endpoint}"`;
    const repository = `{ kind: s3, bucket: ${bucket}, prefix: kopia, ${at}, lock: { mode: governance, days: 2 } }`;
    const manifests = `{ kind: s3, bucket: ${await gateway.makeBucket({ versions: true })}, ${at}, pathStyle: true }`;
    const { wrap, sign } = keys.settings;
    const kms = `keys: { kind: kms, wrap: ${wrap}, sign: ${JSON.stringify(sign)}, region: ${stack.region}, endpoint: "${stack.endpoint}" }`;
    await rm(place.path("keys"), { recursive: true });
    await place.edit("lifeboat.yaml", (text) =>
      text
        .replace(/^ {2}repository: .*$/m, `  repository: ${repository}`)
        .replace(/^ {2}manifests: .*$/m, `  manifests: ${manifests}`)
        .replace(/^keys:\n(?: {2}.*\n)+/m, `${kms}\n`),
    );
    const { signing } = keysJson.parse(JSON.parse((await place.here("keys", "--json")).stdout));
    await place.edit("lifeboat.yaml", (text) =>
      signing.reduce((said, each) => said.replace(new RegExp(`^( {2}${each.purpose}: )\\[.*$`, "m"), `$1["${each.fingerprint}"]`), text),
    );
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    admin.destroy();
    await Promise.all([cluster.stop(), gateway.stop(), other?.stop(), stack.stop()]);
    await folder.remove();
  });

  async function run(code: number, ...args: readonly string[]): Promise<string> {
    const outcome = await place.here(...args);
    expect({ args, code: outcome.code, stderr: outcome.code === code ? "" : outcome.stderr }).toEqual({ args, code, stderr: "" });
    return outcome.stdout + outcome.stderr;
  }

  test("is made, with a password under the wrapping key, and its blobs locked", async () => {
    expect(await run(0, "kopia", "init")).toMatch(/made the Kopia repository in s3:\/\/.*\/kopia\//);
    expect(await run(0, "kopia", "status")).toMatch(/lock: +governance, 2 days, extended by maintenance/);
    expect(await run(0, "doctor", "--store")).not.toMatch(/kopia repository:/);
    expect(await run(0, "rewrap")).toContain(keys.wrap);
  });

  test("takes a backup, which is verified and exported", async () => {
    await run(0, "backup", "prod", "--slot", RECENT_SLOT);
    await run(0, "verify", "prod/latest", "--deep");
    await run(0, "export", "prod/good", "--out", place.path("snapshot.db"));
    const { sha256 } = manifest.parse(JSON.parse((await place.here("show", "prod/good", "--json")).stdout)).manifest.snapshot;
    expect(
      `sha256:${createHash("sha256")
        .update(await readFile(place.path("snapshot.db")))
        .digest("hex")}`,
    ).toBe(sha256);
    await run(0, "export", "prod/good", "--identity", place.path("break-glass.key"), "--out", place.path("by-break-glass.db"));
    expect((await readFile(place.path("by-break-glass.db"))).equals(await readFile(place.path("snapshot.db")))).toBe(true);
  });

  test("is copied to another server, with credentials and a key of its own, and read there", async () => {
    // Another provider: its own server, whose credentials are in a file of the AWS command line.
    other = await startVersityGateway();
    const file = place.path("credentials");
    const { accessKeyId, secretAccessKey } = other.credentials;
    await writeFile(file, `[offsite]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
    const offsite = await createKmsKeys(admin, stack, "offsite");
    const at = `region: ${other.region}, endpoint: "${other.endpoint}", profile: offsite`;
    await appendFile(
      place.path("lifeboat.yaml"),
      `
replicas:
  - name: offsite
    store:
      kind: kopia
      repository: { kind: s3, bucket: ${await other.makeBucket()}, prefix: kopia, ${at} }
      manifests: { kind: s3, bucket: ${await other.makeBucket()}, ${at}, pathStyle: true }
    wrap: { kind: kms, key: ${offsite.wrap}, region: ${stack.region}, endpoint: "${stack.endpoint}" }
`,
    );
    expect(await run(0, "rewrap")).toMatch(/\(kopia\/2\.json\): rewrapped/);
    expect(await run(0, "copy", "prod/good", "--to", "offsite")).toMatch(/is in offsite: copied/);
    expect(await run(0, "copy", "prod/good", "--to", "offsite")).toMatch(/is in offsite: there already/);
    expect(await run(0, "show", "prod/good")).toMatch(/replica offsite: +present/);
    await run(0, "verify", "prod/good", "--deep", "--from", "offsite");
    // By the replica's key alone.
    await admin.send(new DisableKeyCommand({ KeyId: keys.wrap }));
    await run(0, "export", "prod/good", "--from", "offsite", "--out", place.path("from-offsite.db"));
    await admin.send(new EnableKeyCommand({ KeyId: keys.wrap }));
    expect((await readFile(place.path("from-offsite.db"))).equals(await readFile(place.path("snapshot.db")))).toBe(true);
    await place.edit("lifeboat.yaml", (text) => text.replace(/^replicas:\n(?:[ ].*\n)+/m, ""));
    await run(0, "rewrap");
  });

  test("gives a bundle", async () => {
    const { identity, recipient } = await newIdentity();
    await writeFile(place.path("node.key"), `${identity}\n`, { mode: 0o600 });
    await run(0, "bundle", "prod", "--unenrolled", recipient, "--reason", "a test", "--out", "bundle");
    expect(await run(0, "bundle", "--inspect", "bundle", "--identity", "node.key")).not.toMatch(/fault/);
  });

  test("is closed to whom KMS refuses, with one error", async () => {
    await admin.send(new DisableKeyCommand({ KeyId: keys.wrap }));
    for (const args of [
      ["backup", "prod"],
      ["verify", "prod/good", "--deep"],
    ]) {
      const { stderr } = await place.here(...args);
      expect(stderr.match(/^lifeboat: (?!warning|hint|stream|verify).*$/gm)).toHaveLength(1);
      expect(stderr).toMatch(/disabled/i);
    }
    await admin.send(new EnableKeyCommand({ KeyId: keys.wrap }));
  });

  test("is maintained, which extends the locks", async () => {
    const { locksExtended, lock } = maintained.parse(JSON.parse((await place.here("kopia", "maintain", "--json")).stdout));
    expect(locksExtended).toBeGreaterThan(0);
    expect(lock).toEqual({ mode: "governance", days: 2, isExtended: true });
  });

  test("loses by retention what a later snapshot displaces", async () => {
    await cluster.etcdctl(["put", "/registry/configmaps/b", "value"]);
    await run(0, "backup", "prod");
    await run(0, "verify", "prod/latest", "--deep");
    await place.edit("lifeboat.yaml", (text) =>
      text
        .replace(/^( +latest:) \d+/m, "$1 1")
        .replace(/^( +(?:hourly|daily|weekly|monthly|annual):) \d+/gm, "$1 0")
        .replace(/^( +minAge:) \S+/m, "$1 1s"),
    );
    expect(await run(0, "prune", "prod")).toMatch(/removed \d+ objects? of 1 snapshot/);
    expect(await run(0, "ls", "prod")).not.toContain(RECENT_ID);
    expect(await run(0, "kopia", "status")).toMatch(/snapshots: +1\n/);
    await run(0, "custody", "prod", "--verify");
    await run(0, "verify", "prod/good", "--deep");
  });
});
