import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clean } from "../../shared/kube/clean.ts";
import { creationStepOf } from "../../shared/kube/creation-order.ts";
import type { Decoded, KubernetesObject } from "../../shared/kube/decoder.ts";
import { decrypt } from "../../shared/kube/decrypt.ts";
import { parseEncryptionConfig } from "../../shared/kube/encryption-config.ts";
import type { EncryptionKey } from "../../shared/kube/encryption-config.ts";
import { groupOf } from "../../shared/kube/object.ts";
import { ProgramDecoder } from "../../shared/kube/program/program-decoder.ts";
import { asServed } from "../../shared/kube/served-version.ts";
import { toYaml } from "../../shared/kube/yaml.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { freePorts } from "../../tools/lab/free-port.ts";
import { KubeError } from "../../tools/lab/kube-api.ts";
import type { KubeApi, KubeObject } from "../../tools/lab/kube-api.ts";
import { LabApiServer, PROVIDERS } from "../../tools/lab/kube-apiserver.ts";
import { LabProcess } from "../../tools/lab/processes.ts";
import { until } from "../../tools/lab/until.ts";
import { kubeSamples } from "../support/kube-samples.ts";
import type { Sample } from "../support/kube-samples.ts";
import { saying } from "../support/matchers.ts";
import { requireProgram } from "../support/programs.ts";

/** What a real kube-apiserver keeps in etcd: objects of every built-in kind, some encrypted, are read there, and given back to it. */

/** What each provider encrypts. */
const ENCRYPTED = { aescbc: "secrets", aesgcm: "configmaps", secretbox: "podtemplates" } as const;
const PASSWORD = "correct horse battery staple";
const WIDGETS = "/apis/lab.example.com/v1/namespaces/lab/widgets";
const WIDGET: KubeObject = {
  apiVersion: "lab.example.com/v1",
  kind: "Widget",
  metadata: { name: "one", namespace: "lab" },
  spec: { size: 3 },
};

interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

let cluster: EtcdCluster;
let server: LabApiServer;
let running: LabProcess;
let api: KubeApi;
let samples: readonly Sample[];
let config: string;
let keys: readonly EncryptionKey[];
let entries: readonly Entry[];
let decoded: readonly Decoded[];

beforeAll(async () => {
  cluster = await startCluster({ version: "3.6" });
  const [port = 0] = await freePorts(1);
  const [etcdUrl = ""] = cluster.endpoints;
  server = await LabApiServer.prepare({ folder: join(cluster.folder, "api"), etcdUrl, port, advertiseAddress: "192.0.2.1" });
  config = encryptionConfig();
  keys = parseEncryptionConfig(config, "encryption.yaml");
  writeFileSync(join(server.folder, "encryption.yaml"), config);
  running = await LabProcess.start({ ...server.program, env: { PATH: process.env["PATH"] }, logFile: join(server.folder, "log") });
  ({ api } = server);
  await server.ready();
  samples = (await kubeSamples()).toSorted(([, one], [, other]) => creationStepOf(one) - creationStepOf(other));
  for (const [collection, object] of samples) await api.create(collection, object);
  await until("the CRD is served", 30_000, () => isThere(WIDGETS));
  await api.create(WIDGETS, WIDGET);
  entries = await entriesInEtcd();
  decoded = await decode(entries, keys);
});
afterAll(async () => {
  await running.kill();
  await cluster.stop();
});

function encryptionConfig(): string {
  const resources = PROVIDERS.map((provider) => ({
    resources: [ENCRYPTED[provider]],
    providers: [{ [provider]: { keys: [{ name: `of-${provider}`, secret: randomBytes(32).toString("base64") }] } }, { identity: {} }],
  }));
  return JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });
}

async function entriesInEtcd(): Promise<readonly Entry[]> {
  const { kvs } = JSON.parse(await cluster.etcdctl(["get", "--prefix", "/", "-w", "json"])) as { kvs: { key: string; value: string }[] };
  return kvs.map(({ key, value }) => ({ key: Buffer.from(key, "base64"), value: Buffer.from(value, "base64") }));
}

async function decode(values: readonly Entry[], by: readonly EncryptionKey[]): Promise<readonly Decoded[]> {
  const decoder = new ProgramDecoder({ program: () => Promise.resolve(requireProgram("kube-decode")), keys: by });
  const source = async function* () {
    yield* values;
  };
  return Array.fromAsync(decoder.decode(source(), new AbortController().signal));
}

/** A new kind of object answers with 429 at first. */
async function isThere(path: string): Promise<boolean> {
  try {
    await api.get(path);
    return true;
  } catch (error) {
    if (error instanceof KubeError && [404, 429].includes(error.status)) return false;
    throw error;
  }
}

interface Resource {
  readonly groupVersion: string;
  readonly name: string;
  readonly kind: string;
}

/** What the API server serves and keeps in etcd, by its own word. */
async function keptResources(): Promise<readonly Resource[]> {
  const { groups } = await api.get<{ groups: { versions: { groupVersion: string }[] }[] }>("/apis");
  const all = ["v1", ...groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion))];
  // Nobody answers for the group of the APIService.
  const versions = all.filter((version) => !version.startsWith("metrics.example.com/"));
  const lists = await Promise.all(
    versions.map(async (groupVersion) => {
      const { resources } = await api.get<{ resources: { name: string; kind: string; verbs: string[] }[] }>(rootOf(groupVersion));
      return resources
        .filter(({ name, verbs }) => !name.includes("/") && verbs.includes("create") && verbs.includes("delete"))
        .map((each) => ({ ...each, groupVersion }));
    }),
  );
  return lists.flat();
}

function rootOf(groupVersion: string): string {
  return groupVersion === "v1" ? "/api/v1" : `/apis/${groupVersion}`;
}

function nameOf(object: KubernetesObject): string {
  const { metadata } = object as unknown as KubeObject;
  // Some are stored in another version, and events in another group.
  const group = object["kind"] === "Event" ? "" : groupOf(String(object["apiVersion"]));
  return [group, object["kind"], metadata.namespace ?? "", metadata.name].join(" ");
}

describe("what it stores", () => {
  test("has an object of every kind that there is", async () => {
    const kinds = (await keptResources()).map(({ groupVersion, kind }) => `${groupVersion} ${kind}`);
    const have = new Set([...samples.map(([, object]) => object), WIDGET].map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
    // The same objects as of v2.
    expect(kinds.filter((kind) => !have.has(kind))).toEqual(["autoscaling/v1 HorizontalPodAutoscaler"]);
  });

  test("is decoded as the API serves it, field by field", async () => {
    const served = new Map<string, KubernetesObject>();
    for (const { groupVersion, name, kind } of await keptResources())
      for (const item of (await api.list(`${rootOf(groupVersion)}/${name}`)).items) {
        const object = { ...item, apiVersion: groupVersion, kind };
        // Events are served by the core's version too, which comes first.
        if (!served.has(nameOf(object))) served.set(nameOf(object), withoutVersion(object));
      }
    let own = 0;
    for (const [index, answer] of decoded.entries()) {
      const key = entries[index]?.key.toString() ?? "";
      if (!("object" in answer)) throw new Error(`${key} ${answer.raw}`);
      // What API servers tell each other, and which addresses and ports are taken, is not in the API.
      if (/^\/registry\/(masterleases|peerserverleases|ranges)\//.test(key)) own += 1;
      else expectServed(served.get(nameOf(answer.object)) ?? {}, withoutVersion(asServed(answer.object)));
    }
    expect(own).toBeGreaterThan(2);
    expect(decoded.length).toBeGreaterThan(250);
  });
});

/** Of some kinds the API server makes up a field each time that it reads one: a Job's labels are those of its template, claims in a StatefulSet have a type, and volumes are pending. */
const FILLED = new Set(["Job", "PersistentVolume", "PersistentVolumeClaim", "StatefulSet"]);

function expectServed(served: KubernetesObject, stored: KubernetesObject): void {
  if (FILLED.has(String(stored["kind"]))) expect(served, nameOf(stored)).toMatchObject(stored);
  else expect(served, nameOf(stored)).toEqual(stored);
}

/** It is etcd's revision, and stands in no value. */
function withoutVersion(object: KubernetesObject): KubernetesObject {
  const { resourceVersion: _, ...metadata } = object["metadata"] as Record<string, unknown>;
  return { ...object, metadata };
}

describe.each(PROVIDERS)("what it encrypted by %s", (provider) => {
  const mine = (): readonly Entry[] => entries.filter(({ key }) => key.toString().startsWith(`/registry/${ENCRYPTED[provider]}/`));

  test("is told by provider and key, and decrypts by the configuration", async () => {
    expect(mine().length).toBeGreaterThan(0);
    for (const each of mine()) {
      expect(each.value.includes("k8s\0")).toBe(false);
      expect(decrypt(each, keys)).toMatchObject({
        by: { provider, version: "v1", keyName: `of-${provider}` },
        isAuthenticated: provider !== "aescbc",
      });
    }
    expect(await decode(mine(), [])).toEqual(
      mine().map(() => ({ raw: saying(`is encrypted by ${provider} with the key of-${provider}`) })),
    );
  });

  test("does not by another key of its name, which says so", () => {
    const wrong = parseEncryptionConfig(encryptionConfig(), "other.yaml");
    for (const each of mine())
      expect(decrypt(each, wrong)).toEqual({ raw: saying(`the key of-${provider}, and the one of that name in other.yaml is another`) });
  });
});

test("a Secret is read in clear", () => {
  const index = entries.findIndex(({ key }) => key.toString() === "/registry/secrets/lab/password");
  expect(decoded[index]).toMatchObject({ object: { data: { password: Buffer.from(PASSWORD).toString("base64") } } });
});

test("every object is taken back by a create, as it was, after it was deleted", async () => {
  const stored = new Map(decoded.flatMap((each) => ("object" in each ? [[nameOf(each.object), each.object] as const] : [])));
  const bootstrap = [...stored.values()]
    .filter(isBootstrapRole)
    .map((object): Sample => [collectionOf(object), object as unknown as KubeObject]);
  const all: readonly Sample[] = [...samples, [WIDGETS, WIDGET], ...bootstrap];
  for (const [collection, { metadata }] of all.toReversed()) await remove(`${collection}/${metadata.name}`);
  const cleaned = all.map(([collection, object]) => {
    const found = stored.get(nameOf(object));
    if (found === undefined) throw new Error(`${nameOf(object)} is not in etcd`);
    const { object: left } = clean(found);
    return { collection: collection.replace(rootOf(object.apiVersion), rootOf(String(left["apiVersion"]))), object: left };
  });
  for (const { collection, object } of cleaned.toSorted((one, other) => stepOf(one.object) - stepOf(other.object))) {
    await until(`${collection} takes it`, 5000, () => isThere(collection));
    const made = await api.createFromYaml(collection, toYaml(object));
    expectServed(clean(made).object, object);
  }
});

function stepOf(object: KubernetesObject): number {
  return creationStepOf({ apiVersion: String(object["apiVersion"]), kind: String(object["kind"]) });
}

/** Those that it made for itself, and does not make anew while it runs. */
function isBootstrapRole(object: KubernetesObject): boolean {
  const { metadata } = object as unknown as { metadata: { labels?: Record<string, string> } };
  return metadata.labels?.["kubernetes.io/bootstrapping"] === "rbac-defaults";
}

function collectionOf(object: KubernetesObject): string {
  const { apiVersion, kind, metadata } = object as unknown as KubeObject;
  const within = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${rootOf(apiVersion)}${within}/${kind.toLowerCase()}s`;
}

/** With all that keeps an object from going, which controllers would do that are not here. */
async function remove(path: string): Promise<void> {
  const { kind, metadata } = await api.get(path);
  if (metadata["finalizers"] !== undefined) await api.patch(path, { metadata: { finalizers: null } });
  await api.remove(`${path}?gracePeriodSeconds=0&propagationPolicy=Background`);
  if (kind === "Namespace") await api.replace(`${path}/finalize`, { ...(await api.get(path)), spec: { finalizers: [] } });
  await until(`${path} is gone`, 20_000, async () => !(await isThere(path)));
}
