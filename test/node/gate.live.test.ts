import { once } from "node:events";
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:http2";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { writeSecret } from "../../tools/lab/certificates.ts";
import type { CertificateAndKey } from "../../tools/lab/certificates.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startGate } from "../../tools/lab/gate.ts";
import type { Gate } from "../../tools/lab/gate.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { failureOf } from "../etcd/support/failure.ts";
import { sourceOf } from "../etcd/support/source-of.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";

/** node/gate/nginx.conf in a real nginx before each of three members that ask for certificates and have auth on. */

let folder: TemporaryFolder;
let cluster: EtcdCluster;
let gates: readonly Gate[] = [];
/** What the service has: issued by the gates' authority. */
let service: CertificateAndKey;
let files: { readonly ca: string; readonly cert: string; readonly key: string };
beforeAll(async () => {
  folder = await temporaryFolder();
  cluster = await startCluster({ version: "3.7", members: 3, security: "certificate" });
  const first = await startGate({ files: cluster.files, endpoints: cluster.endpoints.slice(0, 1), folder: join(folder.path, "gate-1") });
  const { authority } = first;
  const others = cluster.endpoints.slice(1).map((each, index) => {
    return startGate({ files: cluster.files, endpoints: [each], folder: join(folder.path, `gate-${index + 2}`), authority });
  });
  gates = [first, ...(await Promise.all(others))];
  service = await authority.issueClient("etcd-lifeboat");
  files = {
    ca: await writeSecret(join(folder.path, "gate-ca.pem"), authority.certificate),
    cert: await writeSecret(join(folder.path, "service.pem"), service.cert),
    key: await writeSecret(join(folder.path, "service-key.pem"), service.key),
  };
}, 60_000);
afterAll(async () => {
  await Promise.all(gates.map((each) => each[Symbol.asyncDispose]()));
  await cluster.stop();
  await folder.remove();
});

async function placeBehind(name: string, endpoints: readonly string[]): Promise<Place> {
  return newPlace({ ...cluster, files }, folder.path, name, { endpoints });
}

async function json<T>(place: Place, schema: z.ZodType<T>, ...args: readonly string[]): Promise<T & { code: number | undefined }> {
  const { code, stdout, stderr } = await place.here(...args, "--json");
  if (stdout === "") throw new Error(`lifeboat ${args.join(" ")} ended with ${code}: ${stderr}`);
  return { ...schema.parse(JSON.parse(stdout)), code };
}

const preflightSchema = z.object({
  ready: z.boolean(),
  endpoints: z.array(z.object({ endpoint: z.string(), gated: z.boolean().nullable(), kind: z.string() })),
  findings: z.array(z.object({ code: z.string(), subject: z.string() })),
});
const backupSchema = z.object({ id: z.string(), proof: z.string() });

/** A call with an empty message: gRPC's status and message, wherever in the answer they stand. */
async function call(
  session: ClientHttp2Session,
  path: string,
  method = "POST",
): Promise<{ readonly status: string; readonly message: string }> {
  const stream = session.request({ ":method": method, ":path": path, "content-type": "application/grpc", te: "trailers" });
  const said: IncomingHttpHeaders = {};
  stream.on("response", (headers) => Object.assign(said, headers));
  stream.on("trailers", (headers: IncomingHttpHeaders) => Object.assign(said, headers));
  stream.on("error", () => undefined);
  if (method === "GET") stream.end();
  else stream.end(Buffer.alloc(5));
  // Some methods answer with a stream that has no end.
  stream.once("data", () => stream.close());
  stream.resume();
  await once(stream, "close");
  return { status: String(said["grpc-status"] ?? ""), message: decodeURIComponent(String(said["grpc-message"] ?? "")) };
}

function sessionTo(url: string, ca: string, client: Partial<CertificateAndKey>): ClientHttp2Session & Disposable {
  const session = connect(url, { ca, ...client });
  session.on("error", () => undefined);
  return Object.assign(session, { [Symbol.dispose]: () => session.destroy() });
}

test("a whole backup passes with its proof, preflight sees the gates, and no byte of it is in a temporary file", async () => {
  const place = await placeBehind(
    "through",
    gates.map(({ url }) => url),
  );
  const touched: string[] = [];
  const watchers = gates.map((gate) => watch(gate.work, { recursive: true }, (event, name) => touched.push(`${event} ${name}`)));
  const seen = await json(place, preflightSchema, "preflight", "prod");
  expect(seen).toMatchObject({ code: 0, ready: true, findings: [] });
  expect(seen.endpoints.map(({ gated, kind }) => [gated, kind])).toEqual([1, 2, 3].map(() => [true, "member"]));
  expect((await place.here("preflight", "prod")).stdout).toContain("before 3 of 3 endpoints");
  const taken = await json(place, backupSchema, "backup", "prod");
  expect(taken).toMatchObject({ code: 0, proof: "proven" });
  expect(await place.here("verify", `prod/${taken.id}`, "--deep")).toMatchObject({ code: 0 });
  for (const each of watchers) each.close();
  expect(touched).toEqual([]);
});

/** rpc.proto of etcd 3.7 and what its server has beside that. */
const METHODS = (await readFile(new URL("../fixtures/etcd-3.7-methods.txt", import.meta.url), "utf8")).trim().split("\n");
const LET_THROUGH = ["Maintenance/Status", "Maintenance/HashKV", "Maintenance/Snapshot", "Cluster/MemberList"].map(
  (each) => `/etcdserverpb.${each}`,
);

test("the list of methods is etcd's own: its program knows no other", async () => {
  const program = (await readFile(cluster.programs.etcd)).toString("latin1");
  const known = new Set(program.match(/\/(?:etcdserverpb|v3lockpb|v3electionpb|grpc\.health\.v1)\.[A-Z][A-Za-z]+\/[A-Z][A-Za-z]+/g));
  // One text of the program stands behind the other, without anything between.
  expect([...known].filter((each) => !METHODS.some((method) => each.startsWith(method)))).toEqual([]);
  expect(METHODS.filter((method) => ![...known].some((each) => each.startsWith(method)))).toEqual([]);
  expect(METHODS.filter((method) => LET_THROUGH.includes(method))).toHaveLength(LET_THROUGH.length);
});

test("every other method of etcd 3.7 is refused, in gRPC's words; at etcd itself none is by the gate", async () => {
  const [gate] = gates;
  if (gate === undefined) throw new Error("no gate");
  using session = sessionTo(gate.url, gate.authority.certificate, service);
  const refused: string[] = [];
  for (const method of METHODS) {
    const { status, message } = await call(session, method);
    if (message.includes("etcd-lifeboat gate")) expect(`${method} ${status}`).toBe(`${method} 7`);
    if (message === "etcd-lifeboat gate: this call is not let through") refused.push(method);
  }
  expect(refused).toEqual(METHODS.filter((method) => !LET_THROUGH.includes(method)));
  // What is no gRPC, and what only looks like a path that is let through.
  for (const path of [
    "/version",
    "/metrics",
    "/v3/kv/range",
    "/etcdserverpb.Maintenance/Statu",
    "/etcdserverpb.Maintenance/Status/x",
    "/etcdserverpb.maintenance/Status",
  ])
    expect(await call(session, path)).toEqual({ status: "7", message: "etcd-lifeboat gate: this call is not let through" });
  expect(await call(session, "/etcdserverpb.Maintenance/Status", "GET")).toMatchObject({ status: "7" });

  const own = { ca: cluster.files.ca ?? "", cert: cluster.files.cert ?? "", key: cluster.files.key ?? "" };
  using direct = sessionTo(cluster.endpoints[0] ?? "", await readFile(own.ca, "utf8"), {
    cert: await readFile(own.cert, "utf8"),
    key: await readFile(own.key, "utf8"),
  });
  for (const method of ["/etcdserverpb.KV/Range", "/etcdserverpb.Maintenance/Alarm", "/etcdserverpb.Auth/UserList"])
    expect((await call(direct, method)).message).not.toContain("gate");
});

test("the service's certificate is worth nothing at etcd, and nobody passes the gate without one of its authority", async () => {
  const [gate] = gates;
  if (gate === undefined) throw new Error("no gate");
  const tls = { cert: service.cert, key: service.key };
  using atEtcd = sourceOf({ endpoints: cluster.endpoints, tls: { ...tls, ca: cluster.authority?.certificate ?? "" } });
  expect(await failureOf(atEtcd.status(cluster.endpoints[0] ?? ""))).toMatchObject({ code: "etcd/tls" });
  const root = { cert: await readFile(cluster.files.cert ?? "", "utf8"), key: await readFile(cluster.files.key ?? "", "utf8") };
  for (const client of [{}, root]) {
    using session = sessionTo(gate.url, gate.authority.certificate, client);
    expect(await call(session, "/etcdserverpb.Maintenance/Status")).toEqual({
      status: "16",
      message: "etcd-lifeboat gate: no client certificate that it trusts",
    });
  }
  using nobody = sourceOf({ endpoints: [gate.url], tls: { ca: gate.authority.certificate } });
  expect(await failureOf(nobody.status(gate.url))).toMatchObject({ message: saying("no client certificate that it trusts") });
});

test("a member without a gate beside others is a finding, and what a backup does not need says why it is refused", async () => {
  await using open = await startGate({
    files: cluster.files,
    endpoints: cluster.endpoints.slice(1, 2),
    folder: join(folder.path, "open"),
    ...(gates[0] === undefined ? {} : { authority: gates[0].authority }),
    edit: (text) => text.replace(/location \/ \{\s+return 403;/, "location / { grpc_pass grpcs://member;"),
  });
  const place = await placeBehind("half", [gates[0]?.url ?? "", open.url, gates[2]?.url ?? ""]);
  const seen = await json(place, preflightSchema, "preflight", "prod");
  expect(seen.findings).toMatchObject([{ code: "gate-missing", subject: open.url }]);
  expect(seen.endpoints.map(({ gated }) => gated)).toEqual([true, false, true]);

  const gated = await placeBehind(
    "diff",
    gates.map(({ url }) => url),
  );
  const taken = await json(gated, backupSchema, "backup", "prod");
  const { code, stderr } = await gated.here("diff", `prod/${taken.id}`, "live");
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: saying("does not let the call through") });
  expect(stderr).toContain("docs/gate.md");
});

const SNAPSHOT = "/etcdserverpb.Maintenance/Snapshot";
const TOO_MUCH = { status: "8", message: "etcd-lifeboat gate: too many calls, or too many snapshots at once" };

test("too much at once is refused, and says so: snapshots beside each other, and hash after hash", async () => {
  const [gate] = gates;
  if (gate === undefined) throw new Error("no gate");
  using session = sessionTo(gate.url, gate.authority.certificate, await gate.authority.issueClient("another"));
  const hashes: Awaited<ReturnType<typeof call>>[] = [];
  for (let round = 0; round < 6; round++)
    hashes.push(...(await Promise.all(Array.from({ length: 10 }, () => call(session, "/etcdserverpb.Maintenance/HashKV")))));
  const isRefused = ({ status }: { readonly status: string }): boolean => status === TOO_MUCH.status;
  // What a backup of a cluster of many members asks passes.
  expect(hashes.slice(0, 30).filter(isRefused)).toEqual([]);
  expect(hashes.filter(isRefused).length).toBeGreaterThan(10);
  expect(hashes).toContainEqual(TOO_MUCH);

  // Nobody reads them, and they are larger than what may come unread, so they stay.
  await cluster.etcdctl(["put", "/large"], { input: "x".repeat(1_000_000) });
  using idle = sessionTo(gate.url, gate.authority.certificate, service);
  const open = [1, 2].map(() => idle.request({ ":method": "POST", ":path": SNAPSHOT, "content-type": "application/grpc", te: "trailers" }));
  for (const stream of open) stream.on("error", () => undefined).end(Buffer.alloc(5));
  await Promise.all(open.map((stream) => once(stream, "response")));
  expect(await call(session, SNAPSHOT)).not.toEqual(TOO_MUCH);
  expect(await call(idle, SNAPSHOT)).toEqual(TOO_MUCH);
});

test("one nginx before all members is told for the balancer that it is, and counts no member twice", async () => {
  await using one = await startGate({
    files: cluster.files,
    endpoints: cluster.endpoints,
    folder: join(folder.path, "one"),
    ...(gates[0] === undefined ? {} : { authority: gates[0].authority }),
  });
  const place = await placeBehind("one", [one.url]);
  const seen = await json(place, preflightSchema, "preflight", "prod");
  expect(seen.endpoints).toMatchObject([{ kind: "balancer", gated: true }]);
  expect(await json(place, backupSchema, "backup", "prod")).toMatchObject({ proof: "proven" });
});
