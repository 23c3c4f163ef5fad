import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../../tools/lab/free-port.ts";
import { KubeError } from "../../tools/lab/kube-api.ts";
import type { KubeApi, KubeList, KubeObject, WatchEvent } from "../../tools/lab/kube-api.ts";
import { LabApiServer, PROVIDERS } from "../../tools/lab/kube-apiserver.ts";
import type { Provider } from "../../tools/lab/kube-apiserver.ts";
import { LabProcess } from "../../tools/lab/processes.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { newPlace } from "../support/place.ts";
import { requireProgram } from "../support/programs.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { SiteNode, SiteRun } from "../support/restore-site.ts";

/**
 * A Kubernetes control plane of one node is backed up by `lifeboat backup`, lost, and brought back by `lifeboat bundle` and `restore.sh apply`. A real kube-apiserver says what is there
 * before and after.
 */

const CORE = "/api/v1/namespaces/default";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS = "/apis/lab.example.com/v1/namespaces/default/widgets";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";

/** In the endpoints of the service `kubernetes`. */
const ADVERTISED = "192.0.2.1";
const PASSWORD = "correct horse battery staple";
const TEST_MS = 240_000;

describe("kube-apiserver on a restored etcd", () => {
  let folder: TemporaryFolder;
  let site: RestoreSite;
  let node: SiteNode;
  let server: LabApiServer;
  let api: KubeApi;
  /** Of the objects that were made. */
  const paths: string[] = [];
  /** By path, as the API served them when the snapshot was taken. */
  const kept = new Map<string, KubeObject>();
  let configMaps: KubeList;
  /** Secrets as they lay in etcd. */
  const stored = new Map<Provider, Buffer>();
  /** By a client that watches ConfigMaps from the snapshot to the disaster. */
  const seen: WatchEvent[] = [];
  /** The highest resourceVersion that any client ever saw. */
  let highest = 0;
  /** Resolves when the connection of that client broke. */
  let watching: Promise<void>;
  /** Options of restore.sh. */
  let bundle: readonly string[];
  let applied: SiteRun;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const [port = 0] = await freePorts(1);
    site = await RestoreSite.start("3.6", ["static-pod"], {
      apiServer: async ({ clientUrl }) => {
        server = await LabApiServer.prepare({ folder: join(folder.path, "api"), etcdUrl: clientUrl, port, advertiseAddress: ADVERTISED });
        return server.program;
      },
    });
    [node] = site.nodes as [SiteNode];
    ({ api } = server);
    // restore.sh reads its port there.
    writeFileSync(join(node.root, "plane/manifests/kube-apiserver.yaml"), server.program.args.map((each) => `    - ${each}\n`).join(""));
    await ready();
    await fill();
    bundle = await backUp();
    await change();
    await destroy();
    applied = await site.run(node, ["apply", ...bundle]);
    await ready();
  }, TEST_MS);
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await folder.remove();
  });

  /** Resolves when this node's API server is ready; else says the end of what it printed. */
  async function ready(): Promise<void> {
    await server.ready().catch((error: unknown) => {
      throw new Error(readFileSync(join(node.root, "plane/kube-apiserver.log"), "utf8").slice(-5000), { cause: error });
    });
  }

  async function create(collection: string, made: KubeObject): Promise<void> {
    const { metadata } = await api.create(collection, made);
    paths.push(`${collection}/${metadata.name}`);
    highest = Math.max(highest, Number(metadata.resourceVersion));
  }

  async function fill(): Promise<void> {
    await create(`${CORE}/configmaps`, object("v1", "ConfigMap", "settings", { data: { mode: "calm" } }));
    await create(`${CORE}/services`, object("v1", "Service", "web", { spec: { selector: { app: "web" }, ports: [{ port: 80 }] } }));
    await create(DEPLOYMENTS, deployment("web"));
    await api.create(CRDS, widgets());
    await until("the CRD is served", 30_000, () => isFound(api, WIDGETS));
    await create(WIDGETS, object("lab.example.com/v1", "Widget", "one", { spec: { size: 3, parts: ["a", "b"] } }));
    paths.push(`${CRDS}/widgets.lab.example.com`);
    for (const provider of PROVIDERS) {
      await server.encryptBy(provider);
      if (provider !== PROVIDERS[0]) await restartApiServer();
      await create(`${CORE}/secrets`, object("v1", "Secret", provider, { stringData: { password: PASSWORD } }));
      stored.set(provider, await inEtcd(`/registry/secrets/default/${provider}`));
    }
    await fillWithNodes();
    for (const path of paths) kept.set(path, await api.get(path));
    configMaps = await api.list(`${CORE}/configmaps`);
  }

  /** Of node cp-1, which lives on after the restore, and of cp-2 with its API server and scheduler, which do not. */
  async function fillWithNodes(): Promise<void> {
    const lease = (holderIdentity: string): object => ({
      spec: { holderIdentity, leaseDurationSeconds: 3600, renewTime: new Date().toISOString().replace("Z", "000Z") },
    });
    for (const name of ["cp-1", "cp-2"])
      await api.create(`${LEASES}/kube-node-lease/leases`, object("coordination.k8s.io/v1", "Lease", name, lease(name)));
    for (const name of ["apiserver-7e4ipz5rxm4tqsqu3hjcqdkcxe", "kube-scheduler", "of-an-operator"])
      await api.create(`${LEASES}/kube-system/leases`, object("coordination.k8s.io/v1", "Lease", name, lease("cp-2_1")));
    const slice = (name: string, nodeName: string, managedBy: string): KubeObject => {
      const labels = { "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": managedBy };
      const more = { addressType: "IPv4", ports: [{ port: 80 }], endpoints: [{ addresses: ["10.1.2.3"], nodeName }] };
      return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { name, labels }, ...more };
    };
    for (const nodeName of ["cp-1", "cp-2"]) {
      await api.create(SLICES, slice(`web-${nodeName}`, nodeName, "endpointslice-controller.k8s.io"));
      await api.create(SLICES, slice(`by-hand-${nodeName}`, nodeName, "somebody"));
    }
  }

  async function restartApiServer(): Promise<void> {
    const [manifest, aside] = [join(node.root, "plane/manifests/kube-apiserver.yaml"), join(folder.path, "kube-apiserver.yaml")];
    renameSync(manifest, aside);
    await until("kube-apiserver stopped", 30_000, () => node.plane?.running.includes("kube-apiserver") === false);
    renameSync(aside, manifest);
    await ready();
  }

  /** The value of a key; empty where there is none. */
  async function inEtcd(key: string): Promise<Buffer> {
    const { kvs = [] } = JSON.parse(await site.etcdctl(["get", key, "-w", "json"])) as { kvs?: { value: string }[] };
    return Buffer.from(kvs[0]?.value ?? "", "base64");
  }

  /** Takes a snapshot and makes a bundle of it: the options that restore.sh takes it by. */
  async function backUp(): Promise<readonly string[]> {
    const endpoints = [node.clientUrl];
    const none = { ca: undefined, cert: undefined, key: undefined };
    const place = await newPlace({ endpoints, connection: { endpoints }, files: none }, folder.path, "place");
    const run = async (...line: readonly string[]): Promise<void> => expect(await place.here(...line)).toMatchObject({ code: 0 });
    await run("backup", "prod");
    await run("verify", "prod/latest", "--deep");
    const identity = place.path("m1.key");
    const { stderr } = await execa(requireProgram("age-keygen"), ["-o", identity]);
    await place.edit("lifeboat.yaml", (text) => `${text}recipients:\n  m1: ${/age1\S+/.exec(stderr)?.[0]}\n`);
    await run("bundle", "prod/latest", "--recipient", "m1", "--out", "out", "--with-payload");
    const configuration = readFileSync(place.path("lifeboat.yaml"), "utf8");
    const fingerprint = /bundle: \["?(sha256:[0-9a-f]{64})/.exec(configuration)?.[1] ?? "";
    return ["--dir", place.path("out"), "--fingerprint", fingerprint, "--identity", identity];
  }

  /** Updates, deletes and creates, while a client watches. */
  async function change(): Promise<void> {
    watching = (async () => {
      for await (const event of api.watch(`${CORE}/configmaps`, configMaps.metadata.resourceVersion, AbortSignal.timeout(TEST_MS)))
        seen.push(event);
    })();
    await api.patch(`${CORE}/configmaps/settings`, { data: { mode: "frantic" } });
    await api.patch(`${WIDGETS}/one`, { spec: { size: 4 } });
    await api.remove(`${DEPLOYMENTS}/web`);
    await api.remove(`${CORE}/secrets/aesgcm`);
    await api.remove(`${CRDS}/widgets.lab.example.com`);
    await api.create(`${CORE}/secrets`, object("v1", "Secret", "late", { stringData: { password: PASSWORD } }));
    const { metadata } = await api.create(`${CORE}/configmaps`, object("v1", "ConfigMap", "late", { data: {} }));
    await until("the client saw both", 10_000, () => seen.length === 2);
    highest = Math.max(highest, Number(metadata.resourceVersion));
  }

  /** SIGKILL and an empty data directory: the kubelet starts both again, and the cluster that comes up knows nothing. */
  async function destroy(): Promise<void> {
    for (const name of ["etcd", "kube-apiserver"])
      process.kill(Number(readFileSync(join(node.root, "plane/run", name), "utf8")), "SIGKILL");
    site.wipe(node);
    await watching;
    await until("etcd is up and empty", 60_000, () =>
      inEtcd("/registry/configmaps/default/settings").then(
        (value) => value.length === 0,
        () => false,
      ),
    );
  }

  test("is started by restore.sh", () => {
    expect(applied, applied.err).toMatchObject({ code: 0 });
    expect(node.plane?.running).toEqual(["etcd", "kube-apiserver"]);
  });

  test("serves every object as it was at the snapshot: of CRDs too, with uid and resourceVersion", async () => {
    for (const [path, before] of kept) expect(await api.get(path), path).toEqual(before);
    expect(kept.size).toBe(8);
  });

  test("knows nothing of what came after it", async () => {
    expect((await api.list(`${CORE}/configmaps`)).items).toEqual(configMaps.items);
    for (const path of [`${CORE}/configmaps/late`, `${CORE}/secrets/late`])
      await expect(api.get(path)).rejects.toMatchObject({ status: 404 });
  });

  test.each(PROVIDERS)("decrypts the Secret that %s wrote, of which etcd never had the plain text", async (provider) => {
    const { data } = await api.get(`${CORE}/secrets/${provider}`);
    expect(data).toEqual({ password: Buffer.from(PASSWORD).toString("base64") });
    const value = await inEtcd(`/registry/secrets/default/${provider}`);
    expect(value.toString("latin1")).toMatch(new RegExp(`^k8s:enc:${provider}:v1:of-${provider}:`));
    expect(value.includes(PASSWORD)).toBe(false);
    expect(value.equals(stored.get(provider) ?? Buffer.alloc(0))).toBe(true);
  });

  test("ends a watch of before with 410, and the client that lists again goes on", async () => {
    const versions = [configMaps.metadata.resourceVersion, String(seen.at(-1)?.object.metadata.resourceVersion)];
    expect(Number(versions[1])).toBe(highest);
    for (const version of versions)
      expect(await firstOf(version)).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });

    const { items, metadata } = await api.list(`${CORE}/configmaps`);
    expect(items).toEqual(configMaps.items);
    const next = firstOf(metadata.resourceVersion);
    await api.create(`${CORE}/configmaps`, object("v1", "ConfigMap", "after", { data: {} }));
    expect(await next).toMatchObject({ type: "ADDED", object: { metadata: { name: "after" } } });
  });

  /** What a watch of ConfigMaps says first. */
  async function firstOf(resourceVersion: string): Promise<WatchEvent | undefined> {
    for await (const event of api.watch(`${CORE}/configmaps`, resourceVersion, AbortSignal.timeout(30_000))) return event;
    return undefined;
  }

  test("lets restore.sh after say what is stale, and clear it", async () => {
    const first = await site.run(node, ["after", ...bundle]);
    expect(first, first.err).toMatchObject({ code: 0 });
    expect(first.out).toContain("too early to tell");
    expect(first.out).toMatch(/^API server {3}127\.0\.0\.1:\d+ is ready$/m);
    // The kubelet of cp-1 goes on, and a minute goes by.
    await api.patch(`${LEASES}/kube-node-lease/leases/cp-1`, { spec: { renewTime: new Date().toISOString().replace("Z", "000Z") } });
    appendFileSync(join(node.root, "var/lib/etcd-lifeboat/restore/journal"), `set DONE ${Math.floor(Date.now() / 1000) - 120}\n`);
    const cleared = await site.run(node, ["after", "--clear", ...bundle]);
    expect(cleared, cleared.err).toMatchObject({ code: 0 });
    const removed = Array.from(cleared.out.matchAll(/^removed +(\S+)$/gm), ([, key = ""]) => key);
    expect(removed.toSorted()).toEqual([
      "/registry/endpointslices/default/web-cp-2",
      "/registry/leases/kube-node-lease/cp-2",
      "/registry/leases/kube-system/apiserver-7e4ipz5rxm4tqsqu3hjcqdkcxe",
      "/registry/leases/kube-system/kube-scheduler",
    ]);
    // This server's own, and those of others.
    const left = (await api.list(`${LEASES}/kube-system/leases`)).items.map(({ metadata }) => metadata.name);
    expect(left.toSorted()).toEqual([expect.stringMatching(/^apiserver-[a-z0-9]{26}$/), "of-an-operator"]);
    expect(await api.get(`${CORE}/endpoints/kubernetes`)).toMatchObject({ subsets: [{ addresses: [{ ip: ADVERTISED }] }] });
  });

  test("gives a new write a resourceVersion above all that anybody saw", async () => {
    const { metadata } = await api.patch(`${CORE}/configmaps/settings`, { data: { mode: "relieved" } });
    expect(Number(metadata.resourceVersion)).toBeGreaterThan(highest + 500_000_000);
  });

  test("is never ready without the keys that encrypted Secrets, which no snapshot holds", async () => {
    const [port = 0] = await freePorts(1);
    const options = { folder: join(folder.path, "stranger"), etcdUrl: node.clientUrl, port, advertiseAddress: ADVERTISED };
    const stranger = await LabApiServer.prepare(options);
    const logFile = join(folder.path, "stranger.log");
    const running = await LabProcess.start({ ...stranger.program, env: { PATH: process.env["PATH"] }, logFile });
    try {
      await until("it says that it cannot decrypt", 60_000, () =>
        stranger.api.raw(`${CORE}/secrets/secretbox`).then(
          () => Promise.reject(new Error("it decrypts without the key")),
          (error: unknown) => error instanceof KubeError && error.status === 500 && error.message.includes("not transformable"),
        ),
      );
      await expect(stranger.api.raw("/readyz/informer-sync")).rejects.toMatchObject({ status: 500 });
    } finally {
      await running.kill();
    }
  });
});

function object(apiVersion: string, kind: string, name: string, more: object): KubeObject {
  return { apiVersion, kind, metadata: { name }, ...more };
}

function deployment(name: string): KubeObject {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name, image: "example.com/web:1" }] } };
  return object("apps/v1", "Deployment", name, { spec: { replicas: 2, selector: { matchLabels: labels }, template } });
}

function widgets(): KubeObject {
  const schema = {
    openAPIV3Schema: { type: "object", properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } },
  };
  return object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.lab.example.com", {
    spec: {
      group: "lab.example.com",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  });
}

function isFound(api: KubeApi, path: string): Promise<boolean> {
  return api.raw(path).then(
    () => true,
    () => false,
  );
}
