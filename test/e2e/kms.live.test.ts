import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DecryptCommand, DisableKeyCommand, EnableKeyCommand, type KMSClient } from "@aws-sdk/client-kms";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { PURPOSES } from "../../shared/keys/key-ring.ts";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { initialise } from "../support/initialise.ts";
import { createKmsKeys, kmsClient, newKey, pointAlias, SIGNING_KEY, WRAPPING_KEY } from "../support/kms-keys.ts";
import type { KmsKeys } from "../support/kms-keys.ts";
import { lifeboat, lifeboatJson } from "../support/lifeboat.ts";
import type { LifeboatOptions } from "../support/lifeboat.ts";
import { requireProgram } from "../support/programs.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** The whole way of a snapshot with keys in KMS and etcd's password in Secrets Manager; the steps build on each other. */

const OLD = `prod/${RECENT_ID}`;
const keysJson = z.object({
  location: z.string(),
  signing: z.array(z.object({ purpose: z.enum(PURPOSES), fingerprint: z.string(), trusted: z.boolean() })),
  wrappingKey: z.string(),
});
const manifestJson = z.object({
  stored: z.object({
    key: z.string(),
    encryption: z.object({ wrappings: z.array(z.object({ kind: z.string(), key: z.string(), ciphertext: z.string() })) }),
  }),
});

let cluster: EtcdCluster;
let stack: MiniStack;
let admin: KMSClient;
let keys: KmsKeys;
let folder: TemporaryFolder;
let options: LifeboatOptions;
let config: string;

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([
    startCluster({ version: "3.6", security: "password" }),
    startMiniStack(),
    temporaryFolder(),
  ]);
  // MiniStack takes the account from the credentials: those of the command line here too.
  admin = kmsClient(stack, stack.environment["AWS_ACCESS_KEY_ID"]);
  keys = await createKmsKeys(admin, stack, "lifeboat");
  const { cwd } = await initialise(cluster, folder.path);
  await rm(join(cwd, "keys"), { recursive: true });
  config = join(cwd, "lifeboat.yaml");
  const { endpoint, region } = stack;
  const secrets = new SecretsManagerClient({ endpoint, region, credentials: { accessKeyId: "test", secretAccessKey: "test" } });
  await secrets.send(new CreateSecretCommand({ Name: "prod/etcd", SecretString: JSON.stringify({ password: ROOT_PASSWORD }) }));
  options = { cwd, env: { ...stack.environment, AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint } };
  const { wrap, sign } = keys.settings;
  const kms = `keys: { kind: kms, wrap: ${wrap}, sign: ${JSON.stringify(sign)}, region: ${region}, endpoint: "${endpoint}" }`;
  await edit((text) =>
    text.replace(/^keys:\n(?: {2}.*\n)+/m, `${kms}\n`).replace("env:ETCD_PASSWORD", "secretsmanager:prod/etcd#password"),
  );
});
afterAll(async () => {
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

async function edit(change: (text: string) => string): Promise<void> {
  const before = await readFile(config, "utf8");
  const after = change(before);
  if (after === before) throw new Error("nothing was changed");
  await writeFile(config, after);
}

/** Adds the keys of now to those that are believed. */
async function trust(): Promise<void> {
  const { stdout } = await lifeboat(["keys", "--json"], options);
  const { signing } = keysJson.parse(JSON.parse(stdout));
  for (const { purpose, fingerprint, trusted } of signing)
    if (!trusted) await edit((text) => text.replace(new RegExp(`^( {2}${purpose}: )\\[`, "m"), `$1["${fingerprint}", `));
}

async function run(args: readonly string[], code: number): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const outcome = await lifeboat(args, options);
  expect({ args, code: outcome.code, stderr: outcome.code === code ? "" : outcome.stderr }).toEqual({ args, code, stderr: "" });
  return outcome;
}

async function manifestOf(ref: string): Promise<z.infer<typeof manifestJson>> {
  const path = join(options.cwd, "vault/clusters/prod/snapshots", `${ref.slice("prod/".length)}.json`);
  const envelope = z.object({ payload: z.string() }).parse(JSON.parse(await readFile(path, "utf8")));
  return manifestJson.parse(JSON.parse(Buffer.from(envelope.payload, "base64").toString()));
}

async function payloadAt(path: string): Promise<unknown> {
  const envelope = z.object({ payload: z.string() }).parse(JSON.parse(await readFile(join(options.cwd, path), "utf8")));
  return JSON.parse(Buffer.from(envelope.payload, "base64").toString());
}

const intakeJson = z.object({ recipient: z.string(), wrappings: z.array(z.object({ ciphertext: z.string() })) });

/** The name of a member in a manifest. */
function membersIn(payload: unknown): string {
  const { etcd } = z.object({ etcd: z.object({ members: z.array(z.object({ name: z.string() })) }) }).parse(payload);
  return etcd.members[0]?.name ?? "";
}

test("keys shows those in KMS; a backup is refused until they are trusted", async () => {
  const { stdout } = await run(["keys", "--json"], 6);
  const shown = keysJson.parse(JSON.parse(stdout));
  expect(shown).toMatchObject({ location: `KMS in ${stack.region}`, wrappingKey: keys.wrap });
  expect(shown.signing.map(({ trusted }) => trusted)).toEqual([false, false, false]);
  const { stderr } = await run(["backup", "prod"], 2);
  expect(stderr).toMatch(/the snapshot key in KMS in eu-central-1 is sha256:[0-9a-f]{64}, which trustedKeys\.snapshot does not list/);
  await trust();
  expect((await run(["keys"], 0)).stdout).toContain(keys.wrap);
});

test("a snapshot is backed up, verified and exported, and opens with KMS and stock programs", async () => {
  await lifeboatJson(["backup", "prod", "--slot", RECENT_SLOT], options);
  await run(["verify", OLD, "--deep"], 0);
  await run(["export", OLD, "--out", "snapshot.db"], 0);
  const { stored } = await manifestOf(OLD);
  const [wrapping] = stored.encryption.wrappings;
  expect(wrapping).toMatchObject({ kind: "kms", key: keys.wrap });
  const { Plaintext } = await admin.send(
    new DecryptCommand({
      KeyId: keys.wrap,
      CiphertextBlob: Buffer.from(wrapping?.ciphertext ?? "", "base64"),
      EncryptionContext: { cluster: "prod", snapshot: OLD.slice("prod/".length) },
    }),
  );
  await writeFile(join(options.cwd, "identity"), Plaintext ?? "", { mode: 0o600 });
  const script = '"$1" -d -i identity "vault/$2" | "$3" -d | cmp - snapshot.db';
  await execa("sh", ["-c", script, "sh", requireProgram("age"), stored.key, requireProgram("zstd")], { cwd: options.cwd });
  await rm(join(options.cwd, "identity"));
});

test("files of a node are collected by stock programs, taken from the inbox, and open by KMS in a context of their own", async () => {
  const { stdout } = await run(["node-files", "recipient", "prod", "--out", "for-nodes"], 0);
  const name = membersIn(await payloadAt(`vault/clusters/prod/snapshots/${RECENT_ID}.json`));
  const at = (...parts: readonly string[]): string => join(options.cwd, ...parts);
  await mkdir(at("root/etc/kubernetes/pki"), { recursive: true });
  await writeFile(at("root/etc/kubernetes/pki/ca.key"), "the secret of the cluster\n", { mode: 0o600 });
  const inbox = at("vault/inbox/prod", name);
  await mkdir(inbox, { recursive: true });
  const age = requireProgram("age");
  const collect = ["--cluster", "prod", "--node", name, "--root", at("root"), "--recipient", at("for-nodes/prod.recipient")];
  await execa("bash", [at("for-nodes/collect.sh"), ...collect, "--age", age, "--out", inbox]);
  await writeFile(join(inbox, "hostile.age"), "no age file");
  const first = await run(["node-files", "add", "--inbox"], 6);
  expect(first.stdout).toMatch(new RegExp(`^added prod/${name}@\\d{8}T\\d{6}Z: 1 files, `));
  expect(first.stderr).toContain("the file is no age v1 file");
  await rm(join(inbox, "hostile.age"));
  expect((await run(["node-files", "add", "--inbox"], 0)).stdout).toBe("nothing new: 1 was added before\n");
  expect((await run(["node-files", "show", `prod/${name}`], 0)).stdout).toMatch(/^0600 +26 B +\/etc\/kubernetes\/pki\/ca.key$/m);
  await run(["node-files", "export", `prod/${name}`, "--out", "node.tar"], 0);
  expect((await execa("tar", ["-xOf", at("node.tar"), "files/etc/kubernetes/pki/ca.key"])).stdout).toBe("the secret of the cluster");
  expect(JSON.parse((await run(["custody", "prod", "--verify", "--json"], 0)).stdout)).toMatchObject({
    verification: { holds: true, findings: [] },
  });

  const { recipient, wrappings } = intakeJson.parse(await payloadAt("vault/clusters/prod/intake/1.json"));
  expect(recipient).toBe(stdout.trim());
  const decrypt = async (of: string): Promise<string> => {
    const CiphertextBlob = Buffer.from(wrappings[0]?.ciphertext ?? "", "base64");
    const context = { cluster: of, snapshot: "1" };
    const { Plaintext } = await admin.send(new DecryptCommand({ KeyId: keys.wrap, CiphertextBlob, EncryptionContext: context }));
    return Buffer.from(Plaintext ?? "").toString();
  };
  expect(await decrypt("intake/prod")).toMatch(/^AGE-SECRET-KEY-1/);
  await expect(decrypt("prod")).rejects.toMatchObject({ name: "InvalidCiphertextException" });
});

test("signing keys go on by their aliases, and what the old ones signed is believed while they are listed", async () => {
  const { stdout } = await run(["keys", "--json"], 0);
  const old = keysJson.parse(JSON.parse(stdout)).signing.find(({ purpose }) => purpose === "snapshot")?.fingerprint ?? "";
  await pointAlias(admin, keys.settings.sign.snapshot, await newKey(admin, SIGNING_KEY), false);
  expect((await run(["backup", "prod"], 2)).stderr).toContain("which trustedKeys.snapshot does not list");
  await trust();
  await lifeboatJson(["backup", "prod"], options);
  await run(["verify", "prod/latest"], 0);
  await run(["verify", OLD], 0);
  const listed = await readFile(config, "utf8");
  await edit((text) => text.replace(`, "${old}"`, "").replace(`, ${old}`, ""));
  expect((await run(["verify", OLD], 4)).stderr).toContain(`is signed by ${old}, which is not trusted for purpose snapshot`);
  // Trusted, but for another purpose.
  await edit((text) => text.replace(/^( {2}bundle: )\[/m, `$1["${old}", `));
  expect((await run(["verify", OLD], 4)).stderr).toContain(`is signed by ${old}, which is not trusted for purpose snapshot`);
  await writeFile(config, listed);
});

test("after the wrapping key went on, rewrap lets the old one go", async () => {
  const next = await newKey(admin, WRAPPING_KEY);
  await pointAlias(admin, keys.settings.wrap, next, false);
  const dry = (await run(["rewrap", "--dry-run"], 0)).stdout;
  expect(dry).toContain(`wrapping key: ${next}`);
  expect(dry).toMatch(new RegExp(`prod/${RECENT_ID} +would be rewrapped`));
  await expect(readdir(join(options.cwd, "vault/clusters/prod/rewraps"))).rejects.toMatchObject({ code: "ENOENT" });
  // The manifests name the old key, and no key is asked for that the configuration does not name.
  expect((await run(["rewrap", "prod"], 6)).stderr).toContain(`is wrapped by ${keys.wrap}, which is no key of the configuration`);
  await edit((text) => text.replace(/^keys: \{ kind: kms,/m, `$& retired: ["${keys.wrap}"],`));
  expect((await run(["rewrap", "prod"], 0)).stdout).toMatch(new RegExp(`prod/${RECENT_ID} +rewrapped`));
  expect((await run(["rewrap"], 0)).stdout).not.toMatch(/ rewrapped/);
  // Both keys open it now, which is what somebody looks for before the old one is let go.
  expect((await run(["show", `prod/${RECENT_ID}`], 0)).stdout).toMatch(/^opened by: +kms key arn:\S+, kms key arn:\S+, break-glass /m);

  await admin.send(new DisableKeyCommand({ KeyId: keys.wrap }));
  await run(["export", OLD, "--out", "again.db"], 0);
  await execa("cmp", ["snapshot.db", "again.db"], { cwd: options.cwd });
  await run(["verify", OLD, "--deep"], 0);
  await run(["custody", "prod", "--verify"], 0);
  await rm(join(options.cwd, "vault/clusters/prod/rewraps"), { recursive: true });
  expect((await run(["custody", "prod", "--verify"], 6)).stdout).toContain(`clusters/prod/rewraps/${RECENT_ID}-1.json`);
  // The verifier, which could not use the old key, wrapped it itself.
  await run(["export", OLD, "--out", "countersigned.db"], 0);
  await rm(join(options.cwd, "vault/clusters/prod/verified"), { recursive: true });
  expect((await run(["export", OLD, "--unverified", "--out", "not.db"], 5)).stderr).toContain(
    `the key ${keys.wrap} (keys.retired) is disabled`,
  );
  await admin.send(new EnableKeyCommand({ KeyId: keys.wrap }));
  await run(["export", OLD, "--unverified", "--out", "not.db"], 0);
});
