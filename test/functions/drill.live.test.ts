import { appendFile, mkdir, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { delimiter, dirname } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { ResultPromise } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { BUNDLES, ENVIRONMENT, TASK } from "../../shared/contract/service.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { invoke, sorted } from "../support/invoke-function.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { requireProgram } from "../support/programs.ts";

/** What the image of the drill runs: under a Runtime API as Lambda has it, and as a task. Its desk is a function that the same server stands for; etcd, restore.sh and the store are real. Then what the audit says of it. */

const IMAGE = fileURLToPath(new URL(`../../${BUNDLES}/drill-image/index.mjs`, import.meta.url));
const FIVE_MINUTES_MS = 300_000;

let cluster: EtcdCluster;
let folder: TemporaryFolder;
let place: Place;
let lambda: Lambda;
let address: string;

/** The two APIs of Lambda: events for the process in the image, and calls of other functions by it. */
class Lambda {
  readonly #server: Server;
  readonly #events: object[] = [];
  readonly #waiting: ((event: object) => void)[] = [];
  readonly #answered: ((answer: Answer) => void)[] = [];
  /** What functions were called with, by their names. */
  readonly calls: { readonly name: string; readonly event: unknown }[] = [];

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  async start(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#server.listen(0, "127.0.0.1", () => resolve(undefined));
    await promise;
    const at = this.#server.address();
    return `127.0.0.1:${typeof at === "object" ? at?.port : ""}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await this.#server[Symbol.asyncDispose]();
  }

  /** What the process in the image makes of an event. */
  async answerTo(event: object): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#answered.push(resolve);
    const take = this.#waiting.shift();
    if (take === undefined) this.#events.push(event);
    else take(event);
    return promise;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "" } = request;
    const body = await textOf(request);
    const called = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(url)?.[1];
    if (called !== undefined) {
      const event: unknown = JSON.parse(body);
      this.calls.push({ name: called, event });
      const { handler } = await import("../../functions/drill-desk.ts");
      const { outcome, failure } = await invoke(handler, event);
      if (failure !== undefined) response.setHeader("X-Amz-Function-Error", "Unhandled");
      response.end(JSON.stringify(failure === undefined ? outcome : { errorType: failure.name, errorMessage: failure.message }));
    } else if (url === "/2018-06-01/runtime/invocation/next") {
      const event = this.#events.shift() ?? (await new Promise<object>((resolve) => this.#waiting.push(resolve)));
      response.setHeader("Lambda-Runtime-Aws-Request-Id", "one");
      response.setHeader("Lambda-Runtime-Deadline-Ms", String(Date.now() + FIVE_MINUTES_MS));
      response.setHeader("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:111122223333:function:drill");
      response.end(JSON.stringify(event));
    } else {
      const state = z.enum(["response", "error"]).parse(/^\/2018-06-01\/runtime\/invocation\/one\/(\w+)$/.exec(url)?.[1]);
      response.writeHead(202).end();
      this.#answered.shift()?.({ state, value: JSON.parse(body) as unknown });
    }
  }
}

interface Answer {
  readonly state: "response" | "error";
  readonly value: unknown;
}

beforeAll(async () => {
  [cluster, folder] = await Promise.all([startCluster({ version: "3.6" }), temporaryFolder()]);
  place = await newPlace(cluster, folder.path, "function");
  await cluster.etcdctl(["put", "a", "1"]);
  expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
  expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
  await place.edit(
    "lifeboat.yaml",
    (text) =>
      `${text.replace("drill: {}", "drill: { every: 7d }").replace("unenrolled: allow", "unenrolled: refuse")}\nservice: { name: etcd }\n`,
  );
  await mkdir(place.path("tmp"), { mode: 0o700 });
  vi.stubEnv(ENVIRONMENT.config, place.path("lifeboat.yaml"));
  vi.stubEnv(ENVIRONMENT.service, "etcd");
  lambda = new Lambda();
  address = await lambda.start();
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), lambda.stop()]);
  await folder.remove();
});

function environment(): Record<string, string> {
  const etcd = dirname(dirname(requireProgram("etcd-3.6/etcd")));
  return {
    PATH: [etcd, "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter),
    [ENVIRONMENT.config]: place.path("lifeboat.yaml"),
    [ENVIRONMENT.service]: "etcd",
    TMPDIR: place.path("tmp"),
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL_LAMBDA: `http://${address}`,
  };
}

test("drills what is due by the bundle of its desk, and nothing that is not", async () => {
  const env = { ...environment(), AWS_LAMBDA_RUNTIME_API: address };
  const running: ResultPromise<{ reject: false; extendEnv: false }> = execa(process.execPath, [IMAGE], {
    env,
    extendEnv: false,
    reject: false,
  });
  expect(await lambda.answerTo({ clusters: ["prod"] })).toMatchObject({
    state: "response",
    value: { drilled: [{ cluster: "prod", evidence: saying("clusters/prod/drills/"), notCompared: [] }], waiting: [] },
  });
  expect(lambda.calls).toMatchObject([
    { name: "etcd-drill-desk", event: { cluster: "prod", nodes: [{ peerUrls: [saying("https://127.")] }] } },
  ]);
  expect(await lambda.answerTo({ clusters: ["prod"] })).toEqual({ state: "response", value: { drilled: [], waiting: [] } });
  expect(await lambda.answerTo({ clusters: ["other"] })).toMatchObject({ state: "error", value: { errorType: "config/not-found" } });
  expect(lambda.calls).toHaveLength(1);
  running.kill();
  const { lines, metrics } = sorted((await running).stdout);
  expect(metrics).toMatchObject([
    { cluster: "prod", service: "etcd", DrillPassed: 1, DrillFailed: 0 },
    { service: "etcd", DrillPassed: 1, DrillFailed: 0 },
    { service: "etcd", DrillPassed: 0, DrillFailed: 0 },
  ]);
  expect(metrics[1]).not.toHaveProperty("cluster");
  expect(lines.filter(({ message }) => message === "phase").map(({ phase }) => phase)).toEqual(
    expect.arrayContaining(["bundle", "hash", "compare", "wipe"]),
  );
  expect(await readdir(place.path("tmp"))).toEqual([]);
  expect(await place.here("check", "prod")).toMatchObject({ code: 0 });
  const log = await place.here("custody", "prod", "--json");
  expect(log.stdout).toContain("a drill: its key is thrown away");
});

test("what its desk makes is of use on loopback alone", async () => {
  const { handler } = await import("../../functions/drill-desk.ts");
  const [made] = lambda.calls;
  const event = made?.event as { readonly nodes: readonly object[] };
  for (const url of ["https://10.0.0.1:2380", "https://localhost:2380", "https://127.0.0.1.example.com:2380"]) {
    const nodes = event.nodes.map((node) => ({ ...node, peerUrls: [url] }));
    const { failure } = await invoke(handler, { ...event, nodes });
    expect(failure).toMatchObject({ name: "usage", message: saying("a drill restores to loopback alone") });
  }
});

test("a drill that fails is a failure of the function, with its evidence, and of the task", async () => {
  const data = (await place.stored()).find((file) => file.startsWith("clusters/prod/data/"));
  await appendFile(place.path(`vault/${data}`), "x");
  await place.edit("lifeboat.yaml", (text) => text.replace(/^( +drill: \{ every:) 7d/m, "$1 1s"));
  const env = { ...environment(), [TASK.event]: JSON.stringify({ clusters: ["prod"] }), [TASK.seconds]: "300" };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [IMAGE], { env, extendEnv: false, reject: false });
  const { metrics } = sorted(stdout);
  const { lines } = sorted(stderr);
  expect({ exitCode, failed: lines.at(-1) }).toMatchObject({ exitCode: 1, failed: { code: saying("verify/") } });
  expect(metrics).toMatchObject([
    { cluster: "prod", DrillFailed: 1 },
    { service: "etcd", DrillFailed: 1 },
  ]);
  expect(await readdir(place.path("tmp"))).toEqual([]);
});

test("the audit counts what is wrong for each cluster and for the service, and writes the page that report --open fetches", async () => {
  const { handler } = await import("../../functions/audit.ts");
  const { outcome, failure, metrics } = await invoke(handler, {});
  expect(failure).toBeUndefined();
  expect(outcome).toMatchObject({
    clusters: [{ cluster: "prod", verdict: "not ready", errors: 2 }],
    findings: expect.arrayContaining([saying("[drill/failed]"), saying("[data/size]")]) as unknown,
    report: "report/report.html",
  });
  const counts = { AuditErrors: 2, NotReady: 1, DrillOverdue: 0 };
  expect(metrics).toMatchObject([
    { cluster: "prod", service: "etcd", ...counts },
    { service: "etcd", ...counts },
  ]);
  expect(metrics[1]).not.toHaveProperty("cluster");
  expect(await place.here("report", "--open", "--out", "fetched.html")).toMatchObject({ code: 0 });
  expect(await readFile(place.path("fetched.html"), "utf8")).toContain("data of a snapshot is of another size");
});
