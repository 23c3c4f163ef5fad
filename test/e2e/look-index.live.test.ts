import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startDelayProxy } from "../../bench/delay-proxy.ts";
import type { DelayProxy } from "../../bench/delay-proxy.ts";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { openClient } from "../../tools/lab/connection.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { fill } from "../etcd/support/fill.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import type { LifeboatOptions } from "../support/lifeboat.ts";
import { fitting, saying } from "../support/matchers.ts";

/** One object out of a snapshot in S3, by the index that its verification left: the member is the oracle, and the wire is what is counted. */

const MEGABYTES = 32;
let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let wire: DelayProxy;
let options: LifeboatOptions;
let id: string;

beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
  await fill(cluster, MEGABYTES);
  const client = openClient(cluster.connection);
  try {
    for (const value of ["first", "second"]) await client.put("/registry/configmaps/shop/web").value(value).exec();
    await client.put("/registry/configmaps/shop/gone").value("x").exec();
    await client.delete().key("/registry/configmaps/shop/gone").exec();
  } finally {
    client.close();
  }
  const bucket = await gateway.makeBucket({ lock: true });
  wire = await startDelayProxy(Number(new URL(gateway.endpoint).port), 0);
  const { cwd, env } = await initialise(cluster, folder.path);
  options = { cwd, env: { ...env, ...gateway.environment } };
  // The AWS SDK looks for credentials in the process's own environment.
  for (const [name, value] of Object.entries(gateway.environment)) vi.stubEnv(name, value);
  const file = join(cwd, "lifeboat.yaml");
  const store = `store: { kind: s3, bucket: ${bucket}, region: ${gateway.region}, endpoint: "http://127.0.0.1:${wire.port}", pathStyle: true, lock: { mode: governance, days: 1 } }\n`;
  const settings = (await readFile(file, "utf8")).replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store);
  await writeFile(file, settings.replace("indexFrom: 64MiB", "indexFrom: 16MiB"));
  ({ id } = DOCUMENTS.backup.parse(await lifeboatJsonHere(["backup", "prod"], options)));
  const verified = await lifeboatHere(["verify", "prod/latest", "--deep"], options);
  expect(verified).toMatchObject({
    code: 0,
    stdout: fitting(new RegExp(`\nindex of keys: clusters/prod/verified/${id}-\\S+\\.index\\.age\n`)),
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await wire.close();
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

/** What `lifeboat get` answers, and the bytes that came from S3 for it. */
async function get(
  ...args: readonly string[]
): Promise<{ readonly answer: Awaited<ReturnType<typeof lifeboatHere>>; readonly moved: number }> {
  const before = wire.received();
  const answer = await lifeboatHere(["get", `prod/${id}`, ...args], options);
  return { answer, moved: wire.received() - before };
}

test("one object moves a fraction of the stored bytes, is the one that the member has, and is told to be found by an index", async () => {
  const by = "lifeboat: found by the index of the snapshot's verification: the value was checked, that it is the newest was not";
  const { answer, moved } = await get("configmaps/shop/web");
  expect(answer).toMatchObject({ code: 0, stdout: "second", stderr: saying(by) });
  // One frame of 4 MiB, which does not compress here, and 0.3 MB around it.
  expect(moved).toBeLessThan((MEGABYTES * 1e6) / 6);
  const { kvs } = await oracle("/registry/big/7");
  const large = await get("/registry/big/7", "--json");
  expect(DOCUMENTS.get.parse(JSON.parse(large.answer.stdout))).toMatchObject({
    by: "index",
    value: kvs[0]?.value,
    modRevision: kvs[0]?.mod_revision,
  });
});

test("--no-index reads and proves all of it, and so does what the index has not", async () => {
  const whole = await get("/registry/configmaps/shop/web", "--no-index", "--json");
  expect(DOCUMENTS.get.parse(JSON.parse(whole.answer.stdout))).toMatchObject({
    by: "whole",
    value: Buffer.from("second").toString("base64"),
  });
  expect(whole.moved).toBeGreaterThan(MEGABYTES * 1e6);
  const gone = await get("configmaps/shop/gone");
  expect(gone.answer).toMatchObject({ code: 2, stderr: saying("configmaps/shop/gone is not in") });
  expect(gone.moved).toBeGreaterThan(MEGABYTES * 1e6);
});

test("diff --object moves a fraction of both, and reads all of the one in which the index has nothing", async () => {
  const client = openClient(cluster.connection);
  try {
    await client.put("/registry/configmaps/shop/web").value("third").exec();
    await client.delete().key("/registry/big/7").exec();
  } finally {
    client.close();
  }
  const later = DOCUMENTS.backup.parse(await lifeboatJsonHere(["backup", "prod"], options)).id;
  expect(await lifeboatHere(["verify", `prod/${later}`, "--deep"], options)).toMatchObject({ code: 0 });
  const diff = async (
    ...args: readonly string[]
  ): Promise<{ readonly answer: Awaited<ReturnType<typeof lifeboatHere>>; moved: number }> => {
    const before = wire.received();
    const answer = await lifeboatHere(["diff", `prod/${id}`, `prod/${later}`, ...args, "--json"], options);
    return { answer, moved: wire.received() - before };
  };
  const web = await diff("--object", "configmaps/shop/web");
  expect(web.answer).toMatchObject({ code: 0, stderr: saying(`prod/${later}: found by the index`) });
  const change = { change: "changed", diff: "@@ -1 +1 @@\n-second\n\\ No newline at end of file\n+third\n\\ No newline at end of file\n" };
  expect(DOCUMENTS.diff.parse(JSON.parse(web.answer.stdout))).toMatchObject({ ...change, byBefore: "index", byAfter: "index" });
  expect(web.moved).toBeLessThan((MEGABYTES * 1e6) / 3);
  const whole = await diff("--key-hex", Buffer.from("/registry/configmaps/shop/web").toString("hex"), "--no-index");
  expect(DOCUMENTS.diff.parse(JSON.parse(whole.answer.stdout))).toMatchObject({ ...change, byBefore: "whole", byAfter: "whole" });
  const gone = await diff("--object", "/registry/big/7");
  expect(DOCUMENTS.diff.parse(JSON.parse(gone.answer.stdout))).toMatchObject({ change: "removed", byBefore: "index", byAfter: null });
  expect(gone.moved).toBeGreaterThan(MEGABYTES * 1e6);
});

async function oracle(key: string): Promise<{ readonly kvs: readonly { readonly value: string; readonly mod_revision: number }[] }> {
  return JSON.parse(await cluster.etcdctl(["get", key, "-w", "json"])) as Awaited<ReturnType<typeof oracle>>;
}
