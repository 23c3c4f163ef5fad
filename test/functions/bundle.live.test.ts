import { mkdir, readdir, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ENVIRONMENT, HANDLER } from "../../shared/contract/service.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { bundleFunctions } from "../../tools/pack/functions.ts";
import { CONTEXT, sorted } from "../support/invoke-function.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/** The bundles, loaded by a plain Node from a folder from where nothing of this checkout is found. */

let cluster: EtcdCluster;
let folder: TemporaryFolder;
let place: Place;
beforeAll(async () => {
  [cluster, folder] = await Promise.all([startCluster({ version: "3.6" }), temporaryFolder()]);
  [place] = await Promise.all([newPlace(cluster, folder.path, "configuration"), bundleFunctions(join(folder.path, "functions"))]);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

/** As Lambda's own runtime: it imports the module and calls the handler for each event. The last line on standard error is what came of it. */
const RUNTIME = `
const [module, name, events, context] = process.argv.slice(1);
const started = performance.now();
const { [name]: handler } = await import(module);
const answers = [{ loadedMs: performance.now() - started }];
for (const event of JSON.parse(events)) {
  const left = { ...JSON.parse(context), getRemainingTimeInMillis: () => 60_000 };
  answers.push(await handler(event, left).catch(({ name, message }) => ({ name, message })));
}
process.stderr.write(JSON.stringify(answers));
`;

const answersSchema = z.tuple([z.object({ loadedMs: z.number() })], z.record(z.string(), z.unknown()));

/** Variables that Lambda sets for the desk: its own folder, and where the packages of layers are. */
let deskEnvironment: Readonly<Record<string, string>> = {};

async function run(name: string, ...events: readonly unknown[]) {
  const [file, exported] = HANDLER.split(".");
  const module = join(folder.path, "functions", name, `${file}.mjs`);
  const args = ["--input-type=module", "--eval", RUNTIME, module, exported ?? "", JSON.stringify(events), JSON.stringify(CONTEXT)];
  // As Lambda sets it.
  const env = {
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    [ENVIRONMENT.config]: place.path("lifeboat.yaml"),
    TMPDIR: folder.path,
    ...(name === "desk" ? deskEnvironment : {}),
  };
  const { stdout, stderr } = await execa(process.execPath, args, { cwd: folder.path, env, extendEnv: false });
  const [{ loadedMs }, ...answers] = answersSchema.parse(JSON.parse(stderr.split("\n").at(-1) ?? ""));
  return { loadedMs, answers, ...sorted(stdout) };
}

test("a bundle alone backs up, another verifies, and both log and measure", async () => {
  const backedUp = await run("backup", { cluster: "prod" }, { cluster: "prod" });
  expect(backedUp.answers).toMatchObject([
    { cluster: "prod", proof: "proven", existing: false },
    { proof: "proven", existing: false },
  ]);
  expect(backedUp.lines.filter(({ message }) => message === "done")).toMatchObject([{ cold_start: true }, { cold_start: false }]);
  expect(backedUp.metrics).toMatchObject([{ BackupProven: 1 }, { BackupProven: 1 }]);
  const unseen = await run("check", { cluster: "prod" });
  expect(unseen.answers).toMatchObject([{ name: "ref/not-good", message: saying("no snapshot is good") }]);
  expect(unseen.metrics).toMatchObject([{ CheckFailed: 1 }]);
  const verified = await run("verify", backedUp.answers[0], { cluster: "prod" });
  expect(verified.answers).toMatchObject([
    { countersignature: saying("clusters/prod/verified/") },
    { name: "usage", message: saying("id: Invalid input") },
  ]);
  expect(verified.metrics).toMatchObject([{ Verified: 1 }, { VerifyFailed: 1 }]);
  const seen = await run("check", { cluster: "prod" }, { cluster: "other" });
  expect(seen.answers).toMatchObject([{ cluster: "prod", id: backedUp.answers[1]?.["id"] }, { name: "config/not-found" }]);
  expect(seen.metrics).toMatchObject([{ CheckFailed: 0 }, { CheckFailed: 1 }]);
  const kept = await run("keeper", { cluster: "prod" }, { cluster: "other" });
  expect(kept.answers).toMatchObject([{ cluster: "prod", order: null, removed: 0, findings: [] }, { name: "config/not-found" }]);
  expect(kept.metrics).toMatchObject([{ KeeperFailed: 0, RemovalRefused: 0, Removed: 0 }, { KeeperFailed: 1 }]);
  const recipient = await identityToRecipient(await generateIdentity());
  await place.edit("lifeboat.yaml", (text) => `${text}\nrecipients: { cp-1: ${recipient} }\n`);
  const layer = join(folder.path, "layer/node_modules/@etcd-lifeboat");
  await mkdir(layer, { recursive: true });
  await symlink(join(ROOT, `tools/.cache/programs/linux-${process.arch}`), join(layer, `tools-linux-${process.arch}`));
  deskEnvironment = { LAMBDA_TASK_ROOT: join(folder.path, "functions/desk"), NODE_PATH: join(layer, "..") };
  const event = { cluster: "prod", ref: "latest", recipients: ["cp-1"], reason: "a drill", architecture: ARCHITECTURE };
  const made = await run("desk", { ...event, ref: backedUp.answers[0]?.["id"] }, { ...event, recipient: "cp-1" });
  expect(made.answers).toMatchObject([
    { published: true, controls: [{ recipient: "cp-1", url: null }], payload: { url: null } },
    { name: "usage", message: saying('Unrecognized key: "recipient"') },
  ]);
  expect(made.metrics).toMatchObject([{ BundleMade: 1, BundleFailed: 0 }, { BundleFailed: 1 }]);
  expect((await place.stored()).filter((each) => each.startsWith("bundles/")).map((each) => each.split("/").at(-1))).toEqual(
    expect.arrayContaining(["bundle.pub", "cp-1.tar", "cp-1.tar.sig"]),
  );
  // Some 200 ms on two idle cores; from the sources it takes 700.
  for (const { loadedMs } of [backedUp, verified]) expect(loadedMs).toBeLessThan(5000);
});

test("each bundle has native code for both architectures of Lambda, etcd's .proto files and the licences of what is in it, and no more than it needs", async () => {
  // ELF's e_machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
  const machines = { x64: 62, arm64: 183 };
  for (const name of ["backup", "verify"]) {
    const bundle = join(folder.path, "functions", name);
    for (const [architecture, machine] of Object.entries(machines)) {
      const native = join(bundle, `node_modules/@node-rs/crc32-linux-${architecture}-gnu/crc32.linux-${architecture}-gnu.node`);
      expect((await readFile(native)).readUInt16LE(18)).toBe(machine);
    }
    const files = await readdir(bundle, { recursive: true, withFileTypes: true });
    const sizes = await Promise.all(
      files.filter((each) => each.isFile()).map(async (each) => (await stat(join(each.parentPath, each.name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(6_000_000);
    const licences = await readFile(join(bundle, "THIRD-PARTY-LICENSES.txt"), "utf8");
    for (const bundled of ["etcd3", "@grpc/grpc-js", "@aws-sdk/client-kms", "zod"])
      expect(licences).toMatch(new RegExp(`^${bundled}$`, "m"));
    // Neither a configuration nor a key of whoever built it.
    expect(files.filter((each) => /\.(yaml|pem|key)$/.test(each.name))).toEqual([]);
  }
});
