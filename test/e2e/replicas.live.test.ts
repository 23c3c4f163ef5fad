import { createHash } from "node:crypto";
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { signalled } from "../support/signalled.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** Replicas by the command: from a folder and from S3, to a folder and to S3, and back from each with the keys of the replica alone. */

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
  // The SDK reads them itself, and the command runs in this process.
  for (const [name, value] of Object.entries(gateway.environment)) vi.stubEnv(name, value);
  await cluster.etcdctl(["put", "greeting", "hello"]);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

const inBucket = (bucket: string): string =>
  `{ kind: s3, bucket: ${bucket}, region: ${gateway.region}, endpoint: "${gateway.endpoint}", pathStyle: true }`;

/** A place whose replica has keys of its own in the folder `offsite`. */
async function placeWithReplicas(name: string, replicas: readonly string[]): Promise<Place> {
  const place = await newPlace(cluster, folder.path, name);
  expect(await place.here("init", "--dir", "offsite")).toMatchObject({ code: 0 });
  const recipient = (await readFile(place.path("offsite/keys/wrapping.pub"), "utf8")).trim();
  const entries = replicas.map((each) => `  - { ${each}, wrap: { kind: local, recipient: ${recipient} } }\n`);
  await appendFile(place.path("lifeboat.yaml"), `\nreplicas:\n${entries.join("")}`);
  return place;
}

/** Whoever has the replica and its keys, and nothing else of the place but whom to believe. */
async function atReplica(place: Place, store: string): Promise<(...args: readonly string[]) => ReturnType<typeof lifeboatHere>> {
  const config = await readFile(place.path("offsite/lifeboat.yaml"), "utf8");
  const believed = /^trustedKeys:\n(?: {2}.*\n)+/m;
  const ours = believed.exec(config)?.[0] ?? "";
  const theirs = believed.exec(await readFile(place.path("lifeboat.yaml"), "utf8"))?.[0] ?? "";
  const audit = [theirs, ours].map((each) => /audit: \[(.*)\]/.exec(each)?.[1] ?? "");
  await writeFile(
    place.path("offsite/replica.yaml"),
    config
      .replace(believed, theirs.replace(/audit: \[.*\]/, `audit: [${audit.join(", ")}]`))
      .replace(/^store:\n(?: {2}.*\n)+/m, `store: ${store}\n`),
  );
  return (...args) => lifeboatHere([...args, "--config", "replica.yaml"], { cwd: place.path("offsite") });
}

const backedUp = z.object({ id: z.string(), replicas: z.array(z.unknown()) });
const shown = z.object({
  manifest: z.object({ stored: z.looseObject({ version: z.string().optional() }), snapshot: z.object({ sha256: z.string() }) }),
});

/** Lists, verifies deep and exports the newest snapshot where `here` runs: what came out is what the place's manifest says. */
async function expectOpens(place: Place, here: Awaited<ReturnType<typeof atReplica>>, out: string): Promise<void> {
  const { manifest } = shown.parse(JSON.parse((await place.here("show", "prod/latest", "--json")).stdout));
  expect(await here("ls", "prod")).toMatchObject({ code: 0 });
  expect(await here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0, stderr: saying("") });
  expect(await here("export", "prod/latest", "--out", out)).toMatchObject({ code: 0 });
  const exported = await readFile(place.path(`offsite/${out}`));
  expect(`sha256:${createHash("sha256").update(exported).digest("hex")}`).toBe(manifest.snapshot.sha256);
}

describe("from a folder", () => {
  let place: Place;
  let id: string;
  let bucket: string;
  beforeAll(async () => {
    bucket = await gateway.makeBucket();
    place = await placeWithReplicas("from a folder", [
      "name: shelf, store: { kind: directory, path: offsite/vault }",
      `name: cloud, store: ${inBucket(bucket)}`,
    ]);
    const { code, stdout, stderr } = await place.here("backup", "prod", "--json");
    expect(`${code}: ${stderr}`).toMatch(/^0: /);
    const result = backedUp.parse(JSON.parse(stdout));
    expect(result.replicas).toMatchObject([
      { name: "shelf", outcome: "copied", error: null, conflicts: [] },
      { name: "cloud", outcome: "copied", error: null, conflicts: [] },
    ]);
    ({ id } = result);
  });

  test("a backup is in both, and ls, show and the custody log say so", async () => {
    const listed = await place.here("ls");
    expect(listed).toMatchObject({ code: 0, stdout: saying(`prod/${id} `) });
    expect(listed.stdout).toMatch(/\n\nreplica shelf: +has it \(.*\)\nreplica cloud: +has it \(.*\)\n$/);
    const document: unknown = JSON.parse((await place.here("ls", "--json")).stdout);
    expect(document).toMatchObject({
      snapshots: [
        {
          id,
          replicas: [
            { name: "shelf", present: true },
            { name: "cloud", present: true },
          ],
        },
      ],
      replicas: [
        { name: "shelf", error: null, also: [] },
        { name: "cloud", error: null, also: [] },
      ],
    });
    expect((await place.here("show", "prod/latest")).stdout).toMatch(/replica shelf: +present \(.*\nreplica cloud: +present \(s3:/);
    expect((await place.here("custody", "prod")).stdout).toMatch(/ copied .* to shelf\n.* copied .* to cloud\n/);
    const { stdout } = await place.here("custody", "prod", "--verify", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      records: [
        {},
        {},
        { event: "copied", purpose: "snapshot", details: { to: { name: "shelf" } } },
        { event: "copied", details: { to: { name: "cloud" } } },
      ],
      verification: { holds: true },
    });
  });

  test("keys tells that whoever has the replica's key can open snapshots, too", async () => {
    const recipient = (await readFile(place.path("offsite/keys/wrapping.pub"), "utf8")).trim();
    expect((await place.here("keys")).stdout).toMatch(new RegExp(`^replica shelf +${recipient}$`, "m"));
    const { replicas } = z.object({ replicas: z.array(z.unknown()) }).parse(JSON.parse((await place.here("keys", "--json")).stdout));
    expect(replicas).toEqual(
      ["shelf", "cloud"].map((name) => ({ name, kind: "local", recipient, key: null, region: null, endpoint: null })),
    );
  });

  test("the folder alone, with its own keys, is enough", async () => {
    const here = await atReplica(place, "{ kind: directory, path: ./vault }");
    await expectOpens(place, here, "from-shelf.db");
    expect(await here("custody", "prod", "--verify", "--replica")).toMatchObject({
      code: 0,
      stdout: saying("head of the copied log 2:sha256:"),
    });
    const unaware = await here("custody", "prod", "--verify");
    expect(unaware).toMatchObject({ code: 4, stderr: saying("if it is a replica of that store, add --replica") });
    expect((await here("orphans", "--older-than", "0s")).stdout).toBe("no orphans\n");
  });

  test("the bucket alone is, too", async () => {
    await expectOpens(place, await atReplica(place, inBucket(bucket)), "from-cloud.db");
  });

  test("a second copy is there already; what is not configured or missing is told", async () => {
    const again = await place.here("copy", "prod/latest", "--to", "cloud");
    expect(again).toMatchObject({ code: 0, stdout: saying(`prod/${id} is in cloud: there already, and whole, with`) });
    expect(await place.here("copy", "prod/latest", "--to", "shelv")).toMatchObject({ code: 2, stderr: saying("did you mean shelf?") });
    expect(await place.here("copy", "prod/latest", "--to", "elsewhere")).toMatchObject({
      code: 2,
      stderr: saying("configured: shelf, cloud"),
    });
    expect(await place.here("copy", "prod/latest")).toMatchObject({ code: 2, stderr: saying("required option '--to <replica>'") });
    expect(await place.here("copy", "prod", "--to", "shelf")).toMatchObject({ code: 2, stderr: saying('"prod" is not a ref') });
    const completed = await place.here("__complete", "--", "copy", "prod/latest", "--to", "");
    expect(completed.stdout.split(/\s+/)).toEqual(expect.arrayContaining(["shelf", "cloud"]));
  });

  test("--no-copy leaves the replicas as they are", async () => {
    expect(await place.here("backup", "prod", "--slot", RECENT_SLOT, "--no-copy")).toMatchObject({ code: 0 });
    expect((await place.here("ls")).stdout).toMatch(
      new RegExp(`replica shelf: +lacks prod/${RECENT_ID} \\(.*\\nreplica cloud: +lacks prod/${RECENT_ID} \\(`),
    );
    const copied = await place.here("copy", `prod/${RECENT_ID}`, "--to", "shelf", "--json");
    expect(copied.code).toBe(0);
    expect(JSON.parse(copied.stdout)).toMatchObject({ ref: `prod/${RECENT_ID}`, replica: "shelf", outcome: "copied", conflicts: [] });
    expect((await place.here("ls")).stdout).toMatch(
      new RegExp(`replica shelf: +has all 2 \\(.*\\nreplica cloud: +lacks prod/${RECENT_ID} \\(`),
    );
  });
});

describe("where the primary has lost something", () => {
  let place: Place;
  let ref: string;
  let data: string;
  let manifest: string;
  beforeAll(async () => {
    const bucket = await gateway.makeBucket();
    place = await placeWithReplicas("lost", [
      "name: shelf, store: { kind: directory, path: offsite/vault }",
      `name: cloud, store: ${inBucket(bucket)}`,
    ]);
    const { code, stdout, stderr } = await place.here("backup", "prod", "--json");
    expect(`${code}: ${stderr}`).toMatch(/^0: /);
    const { id } = backedUp.parse(JSON.parse(stdout));
    ref = `prod/${id}`;
    // The countersignature comes with a copy.
    expect(await place.here("verify", ref, "--deep")).toMatchObject({ code: 0 });
    for (const replica of ["shelf", "cloud"]) expect(await place.here("copy", ref, "--to", replica)).toMatchObject({ code: 0 });
    const [name = ""] = await readdir(place.path("vault/clusters/prod/data"));
    data = place.path(`vault/clusters/prod/data/${name}`);
    manifest = place.path(`vault/clusters/prod/snapshots/${id}.json`);
  });

  /** The lines that an error gives to type, each typed: they must do what the command could not. */
  async function expectWayOut(args: readonly string[], code: number): Promise<void> {
    const failed = await place.here(...args);
    expect(`${failed.code}: ${failed.stderr}`).toMatch(new RegExp(`^${code}: `));
    const lines = [...failed.stderr.matchAll(/the replica (\w+) has a whole copy: lifeboat ([^;\n]+)/g)].map(
      ([, name = "", line = ""]) => ({ name, line }),
    );
    expect(lines.map(({ name }) => name)).toEqual(["shelf", "cloud"]);
    for (const { line } of lines) {
      const words = line.split(" ");
      expect(await place.here(...words)).toMatchObject({ code: 0 });
      if (words[0] === "export") await rm(place.path("out.db"));
    }
  }

  const everyWay = [["verify", "--deep"], ["export", "--out", "out.db"], ["status"]] as const;

  test("a flipped byte: verify, export and status end at 4 and name both replicas with the lines that work", async () => {
    const before = await readFile(data);
    const altered = Buffer.from(before);
    const middle = altered.length >> 1;
    altered[middle] = (altered[middle] ?? 0) ^ 1;
    await writeFile(data, altered);
    for (const [command, ...flags] of everyWay) await expectWayOut([command, ref, ...flags], 4);
    await writeFile(data, before);
  });

  test("its data: show looks, says so with 6, and where it is", async () => {
    const before = await readFile(data);
    await writeFile(data, before.subarray(0, 100));
    const cut = await place.here("show", ref, "--json");
    expect(cut).toMatchObject({ code: 6, stderr: saying(`of the wrong size: 100 bytes in place of ${before.length}`) });
    expect(JSON.parse(cut.stdout)).toMatchObject({ data: { state: "wrong-size", bytes: 100, reason: null }, from: null });
    await rm(data);
    const looked = await place.here("show", ref);
    expect(looked).toMatchObject({ code: 6, stdout: saying("data:") });
    expect(looked.stderr).toContain(`the data of ${ref} is missing: it cannot be restored from here`);
    expect(looked.stderr).toContain(`the replica shelf has a copy: lifeboat verify ${ref} --from shelf`);
    for (const [command, ...flags] of everyWay) await expectWayOut([command, "prod/latest", ...flags], 4);
    const there = await place.here("show", ref, "--from", "cloud", "--json");
    // Seen from there the store is one of the others, and lacks the data.
    expect(there.code).toBe(6);
    expect(JSON.parse(there.stdout)).toMatchObject({
      data: { state: "present", bytes: before.length },
      replicas: [
        { name: "primary", state: "incomplete" },
        { name: "shelf", state: "present" },
      ],
      from: "cloud",
    });
    await writeFile(data, before);
    expect((await place.here("show", ref)).stdout).toMatch(/^data: +present$/m);
  });

  test("its manifest, or the whole folder", async () => {
    const before = await readFile(manifest);
    await rm(manifest);
    for (const [command, ...flags] of everyWay) await expectWayOut([command, ref, ...flags], 2);
    await expectWayOut(["show", "prod/latest"], 2);
    await writeFile(manifest, before);
    await rename(place.path("vault"), place.path("unmounted"));
    for (const name of ["prod/latest", ref]) await expectWayOut(["export", name, "--out", "out.db"], 5);
    await rename(place.path("unmounted"), place.path("vault"));
  });

  test("a deep look at a replica leaves nothing in either place", async () => {
    const everything = async (): Promise<readonly string[]> => [
      ...(await readdir(place.path("vault"), { recursive: true })),
      ...(await readdir(place.path("offsite/vault"), { recursive: true })),
    ];
    const before = await everything();
    const { code, stdout } = await place.here("verify", ref, "--deep", "--from", "shelf", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ref, good: true, level: "deep", from: "shelf" });
    expect(JSON.parse(stdout)).toMatchObject({ countersignature: null, custody: null });
    expect((await place.here("verify", ref, "--deep", "--from", "shelf")).stdout).toContain("nothing was countersigned");
    expect(await everything()).toEqual(before);
  });

  test("no replica of that name is exit code 2, with the nearest", async () => {
    for (const [command, ...flags] of [...everyWay, ["show"]] as const)
      expect(await place.here(command, ref, ...flags, "--from", "shelv")).toMatchObject({
        code: 2,
        stderr: saying("did you mean shelf?"),
      });
  });

  test("its keys: the replica's own identity opens the copy, and so does the break-glass one", async () => {
    await rename(place.path("keys/wrapping.key"), place.path("lost.key"));
    expect(await place.here("export", ref, "--out", "out.db", "--from", "shelf")).toMatchObject({ code: 5 });
    for (const identity of ["offsite/keys/wrapping.key", "break-glass.key"]) {
      expect(await place.here("export", ref, "--out", "out.db", "--from", "shelf", "--identity", identity)).toMatchObject({ code: 0 });
      await rm(place.path("out.db"));
    }
    await rename(place.path("lost.key"), place.path("keys/wrapping.key"));
  });

  test("no replica either: the hint says who was asked", async () => {
    await Promise.all([rm(data), rm(place.path("offsite/vault"), { recursive: true })]);
    await place.edit("lifeboat.yaml", (text) => text.replace(/^ {2}- \{ name: cloud,.*\n/m, ""));
    expect(await place.here("verify", ref)).toMatchObject({
      code: 4,
      stderr: saying("no replica that answers has a whole copy of it (asked: shelf)"),
    });
  });
});

/** A file of the AWS command line with the profile `offsite`. */
async function credentialsFile(secret: string): Promise<string> {
  const file = join(folder.path, `credentials-${secret.slice(0, 5)}`);
  await writeFile(file, `[offsite]\naws_access_key_id = ${gateway.credentials.accessKeyId}\naws_secret_access_key = ${secret}\n`);
  return file;
}

test("from S3 with versions to S3 with versions: data is read where it lies, though its version is another there", async () => {
  const [from, to] = [await gateway.makeBucket({ lock: true }), await gateway.makeBucket({ lock: true })];
  const locked = inBucket(to).replace(" }", ", profile: offsite, lock: { mode: governance, days: 1 } }");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", await credentialsFile(gateway.credentials.secretAccessKey));
  const place = await placeWithReplicas("from S3", [`name: cloud, store: ${locked}`]);
  await place.edit("lifeboat.yaml", (text) => text.replace(/^store:\n(?: {2}.*\n)+/m, `store: ${inBucket(from)}\n`));
  const { code, stderr } = await place.here("backup", "prod");
  expect(`${code}: ${stderr}`).toMatch(/^0: /);
  const { manifest } = shown.parse(JSON.parse((await place.here("show", "prod/latest", "--json")).stdout));
  expect(manifest.stored.version).toBeDefined();
  // The profile's credentials are used for the replica, and not the environment's.
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", await credentialsFile("wrong"));
  expect(await place.here("ls")).toMatchObject({ stdout: saying("replica cloud:  unknown ("), stderr: saying("SignatureDoesNotMatch") });
  await expectOpens(place, await atReplica(place, inBucket(to)), "from-cloud.db");

  // The primary's bucket does not answer for these credentials any more: whoever reads is told where it can be read.
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", await credentialsFile(gateway.credentials.secretAccessKey));
  await place.edit("lifeboat.yaml", (text) => text.replace(/^store: .*$/m, `store: ${inBucket("gone-away")}`));
  const failed = await place.here("export", "prod/latest", "--out", "out.db");
  expect(`${failed.code}: ${failed.stderr}`).toMatch(/^5: /);
  expect(failed.stderr).toMatch(/the replica cloud has a whole copy: lifeboat export prod\/\w+ --out out\.db --from cloud/);
  // Its countersignature there is by a key that this configuration does not trust.
  const [, ref = ""] = /lifeboat export (prod\/\w+)/.exec(failed.stderr) ?? [];
  const fromCloud = ["export", ref, "--out", "out.db", "--from", "cloud"];
  expect(await place.here(...fromCloud)).toMatchObject({ code: 2, stderr: saying(`${ref} is not good: not countersigned`) });
  expect(await place.here(...fromCloud, "--unverified")).toMatchObject({ code: 0 });
});

test("a replica that cannot be reached fails no backup: it is told, with what fills it later, and ls goes on", async () => {
  const place = await placeWithReplicas("unreachable", ["name: shelf, store: { kind: directory, path: mnt/shelf }"]);
  await writeFile(place.path("mnt"), "no folder");
  const { code, stdout, stderr } = await place.here("backup", "prod", "--json");
  const result = backedUp.parse(JSON.parse(stdout));
  expect(code).toBe(6);
  expect(result.replicas).toMatchObject([
    { name: "shelf", ref: `prod/${result.id}`, outcome: "failed", error: { code: saying("store/") } },
  ]);
  expect(stderr).toContain(`warning: prod/${result.id} is stored, and is not in the replica shelf: `);
  expect(stderr).toContain(`lifeboat copy prod/${result.id} --to shelf`);
  expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
  const listed = await place.here("ls");
  expect(listed).toMatchObject({ code: 0, stdout: saying("replica shelf:  unknown ("), stderr: saying("warning: replica shelf: ") });
  expect((await place.here("show", "prod/latest")).stdout).toMatch(/replica shelf: +unknown: /);

  await rename(place.path("mnt"), place.path("was-in-the-way"));
  await mkdir(place.path("mnt"));
  const copied = await place.here("copy", "prod/latest", "--to", "shelf");
  expect(copied).toMatchObject({ code: 0, stdout: saying(`prod/${result.id} is in shelf: copied (`) });
  expect((await place.here("ls")).stdout).toMatch(/replica shelf: +has it /);
  // The countersignature came with it.
  expect(await readFile(join(place.path("mnt/shelf"), "clusters/prod/snapshots", `${result.id}.json`))).toEqual(
    await readFile(join(place.path("vault"), "clusters/prod/snapshots", `${result.id}.json`)),
  );
  expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });

  // What is wrong there is told, and made good.
  await rm(place.path("mnt/shelf/clusters/prod/data"), { recursive: true });
  expect(await place.here("show", "prod/latest")).toMatchObject({ code: 6, stdout: saying("incomplete: clusters/prod/data/") });
  expect(await place.here("copy", "prod/latest", "--to", "shelf")).toMatchObject({ code: 0, stdout: saying("copied (") });
  await rm(place.path("vault/clusters/prod/snapshots"), { recursive: true });
  const lost = await place.here("ls", "prod", "--json");
  expect(lost.stderr).toContain(`the replica shelf also has prod/${result.id}\n`);
  expect(JSON.parse(lost.stdout)).toMatchObject({ snapshots: [], replicas: [{ name: "shelf", also: [`prod/${result.id}`] }] });
});

test("ls shows what there is at once, and waits two seconds more for a replica that does not answer", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = silent.address() as AddressInfo;
    const store = inBucket("silent").replace(gateway.endpoint, `http://127.0.0.1:${port}`);
    const place = await placeWithReplicas("silent", [
      "name: shelf, store: { kind: directory, path: shelf }",
      `name: silent, store: ${store}`,
    ]);
    expect(await place.here("backup", "prod", "--no-copy")).toMatchObject({ code: 0 });
    // A folder that is not there could be a disk that is not mounted.
    await mkdir(place.path("shelf"));
    let shownAt = 0;
    const onStdout = (): void => void (shownAt ||= performance.now());
    const { code, stdout, stderr } = await lifeboatHere(["ls"], { ...place.options, onStdout, columns: 80 });
    // Each snapshot is a line of a terminal's 80 columns, with replicas too.
    const [head, line] = stdout.split("\n");
    expect([head, line?.length]).toEqual([saying("SNAPSHOT"), expect.any(Number)]);
    expect(line).toMatch(/^prod\/\w+ .* not verified$/);
    expect(line?.length).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/replica shelf: +has none of these[^]*replica silent: +unknown/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: saying("did not answer 2 s after the store had") });
    // It was given up after 10 s, by which time nothing had been shown.
    expect(performance.now() - shownAt).toBeGreaterThan(1900);
    expect(performance.now() - shownAt).toBeLessThan(7000);
    // A record, too, is one line of it.
    const custody = await lifeboatHere(["custody", "prod"], { ...place.options, columns: 80 });
    expect(custody.stdout.split("\n").filter((each) => each.length > 80)).toEqual([]);
    expect(custody.stdout).toMatch(/^RECORD .*\n1 +.*\n2 +[^\n]* backup +\w+\n/);
  } finally {
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  }
});

test("a copy that is killed or stopped leaves nothing visible, the snapshot stands, and the next one completes it", async () => {
  const place = await placeWithReplicas("killed", ["name: shelf, store: { kind: directory, path: shelf }"]);
  const inShelf = async (): Promise<readonly string[]> =>
    (await readdir(place.path("shelf"), { recursive: true }).catch(() => [])).filter((name) => /^clusters.*json$/.test(name));
  const stopped = await signalled("SIGINT", "phase copy to shelf", ["backup", "prod"], place.options);
  expect(stopped).toMatchObject({ code: 130, stdout: saying("replica shelf:  NOT THERE") });
  expect(stopped.stderr).toMatch(/warning: prod\/\w+ is stored, and is not in the replica shelf: .* was interrupted\n/);
  expect(await inShelf()).toEqual([]);
  expect(await place.here("verify", "prod/latest")).toMatchObject({ code: 0 });

  const killed = await signalled("SIGKILL", "bytes 1", ["copy", "prod/latest", "--to", "shelf"], place.options);
  expect(killed).toMatchObject({ signal: "SIGKILL", stdout: "" });
  expect(await inShelf()).toEqual([]);
  expect((await place.here("ls")).stdout).toMatch(/replica shelf: +has none of these /);
  expect(await place.here("copy", "prod/latest", "--to", "shelf")).toMatchObject({ code: 0 });
  expect((await place.here("show", "prod/latest")).stdout).toMatch(/replica shelf: +present /);
  // What the killed one was writing is no object, and lies where a sweep of that store finds it.
  const here = await atReplica(place, "{ kind: directory, path: ../shelf }");
  expect(JSON.parse((await here("orphans", "--older-than", "0s", "--sweep", "--json")).stdout)).toMatchObject({
    orphans: [{ kind: "unfinished", swept: true }],
  });
  expect(await place.here("copy", "prod/latest", "--to", "shelf")).toMatchObject({ code: 0, stdout: saying("there already, and whole") });
});
