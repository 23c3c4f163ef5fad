import { createCipheriv, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { objectNameOf } from "../../shared/snapshot/object-names.ts";
import { kubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { boltFile, keyValue, revisionKey } from "../snapshot/support/bolt-file.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";
import { requireProgram } from "../support/programs.ts";
import { asSent } from "../support/snapshots.ts";

/** Kubernetes' objects out of a snapshot file, by the real kube-decode. */

requireProgram("kube-decode");

const { live } = kubernetesData({ megabytes: 0.4 });
const SECRET = randomBytes(32);
const CRONTAB = JSON.stringify({
  apiVersion: "example.com/v1",
  kind: "CronTab",
  metadata: { name: "sealed", namespace: "shop", uid: "1", ownerReferences: [{ kind: "Fleet", name: "all" }] },
  spec: { text: "\u001b[2J" },
  status: { ready: true },
});
const EXTRA: readonly (readonly [key: string, value: Uint8Array])[] = [
  ["/registry/example.com/crontabs/shop/sealed", aescbc(Buffer.from(CRONTAB))],
  ["/registry/example.com/crontabs/shop/broken", Buffer.from("{ no JSON")],
  ["/registry/example.com/crontabs/shop/..", Buffer.from(CRONTAB)],
  ["plain", Buffer.from("just text")],
];

/** As the API server writes it. */
function aescbc(value: Uint8Array): Buffer {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", SECRET, iv);
  return Buffer.concat([Buffer.from("k8s:enc:aescbc:v1:key1:"), iv, cipher.update(value), cipher.final()]);
}

const UNAUTHENTICATED = "was decrypted by aescbc, which authenticates nothing";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  const entries = [...live.map(({ key, value }) => [key, value] as const), ...EXTRA].map(([key, value], index) => ({
    key: revisionKey(index + 2),
    value: keyValue(Buffer.from(key), value),
  }));
  await writeFile(join(folder.path, "s.db"), asSent(boltFile(entries, { perLeaf: 8 }).bytes));
  const provider = { aescbc: { keys: [{ name: "key1", secret: SECRET.toString("base64") }] } };
  const configuration = {
    kind: "EncryptionConfiguration",
    apiVersion: "apiserver.config.k8s.io/v1",
    resources: [{ resources: ["*.*"], providers: [provider] }],
  };
  await writeFile(join(folder.path, "encryption.yaml"), JSON.stringify(configuration));
});
afterAll(() => folder.remove());

function get(args: readonly string[], columns?: number): Promise<Outcome> {
  return lifeboatHere(["get", "s.db", ...args], { cwd: folder.path, ...(columns !== undefined && { columns }) });
}

/** The first of a resource. */
function nameOf(resource: string): string {
  const found = live.map(({ key }) => objectNameOf(key)).find((each) => each?.resource === resource);
  if (found === undefined) throw new Error(`there are no ${resource}`);
  return `${resource}/${found.namespace}/${found.name}`;
}

const object = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({ name: z.string() }) });

test("find shows the kind that each value itself says, and none of what is encrypted or no object", async () => {
  const find = (...args: readonly string[]): Promise<Outcome> => lifeboatHere(["find", "s.db", ...args], { cwd: folder.path });
  const rows = DOCUMENTS.find.parse(JSON.parse((await find("--json")).stdout));
  const kindsOf = (resource: string | null): unknown => [
    ...new Set(rows.filter((row) => row.resource === resource).map(({ kind, apiVersion }) => `${apiVersion} ${kind}`)),
  ];
  expect(kindsOf("pods")).toEqual(["v1 Pod"]);
  expect(kindsOf("certificates.cert-manager.io")).toEqual(["cert-manager.io/v1 Certificate"]);
  expect(kindsOf(null)).toEqual(["null null"]);
  const ofName = (name: string): unknown => rows.find(({ key }) => key === `/registry/example.com/crontabs/shop/${name}`)?.kind;
  expect([ofName(".."), ofName("sealed"), ofName("broken")]).toEqual(["CronTab", null, null]);
  const { stdout } = await find("/registry/example.com/");
  expect(stdout).toMatch(/^RESOURCE +NAMESPACE +NAME +KIND +REVISION +SIZE\n/);
  expect(stdout).toMatch(/^crontabs\.example\.com +shop +\.\. +CronTab +\d+ /m);
  expect(stdout).toMatch(/^crontabs\.example\.com +shop +sealed +\d+ /m);
});

describe("one object", () => {
  test.each([
    ["pods", "Pod"],
    ["configmaps", "ConfigMap"],
  ])("of %s is printed as YAML, or as JSON, and cleaned of what keeps it from being created", async (resource, kind) => {
    const name = nameOf(resource);
    const yaml = await get([name]);
    expect(yaml).toMatchObject({ code: 0 });
    const read = object.parse(parse(yaml.stdout));
    expect(read).toMatchObject({ kind, metadata: { name: name.split("/").at(-1) } });
    expect(JSON.parse((await get([name, "--as", "json"])).stdout)).toEqual(read);
    const cleaned = object.parse(parse((await get([name, "--clean"])).stdout));
    expect(cleaned.metadata).not.toHaveProperty("uid");
    expect(cleaned).not.toHaveProperty("status");
    const document = DOCUMENTS.get.parse(JSON.parse((await get([name, "--json"])).stdout));
    expect(document).toMatchObject({ object: read, notRead: null, redacted: false });
  });

  test("of Secrets has no data on a terminal, in no form, unless it is to be shown", async () => {
    const name = nameOf("secrets");
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(parse((await get([name])).stdout));
    const values = Object.values(data);
    expect(values.length).toBeGreaterThan(0);
    const shown = async (...args: readonly string[]): Promise<boolean> => {
      const { stdout } = await get([name, ...args], 80);
      return values.some((value) => stdout.includes(value) || stdout.includes(Buffer.from(value, "base64").toString()));
    };
    for (const args of [[], ["--as", "json"], ["--json"], ["--clean"], ["--as", "raw"]])
      expect({ args, shown: await shown(...args) }).toEqual({ args, shown: false });
    expect((await get([name], 80)).stdout).toContain("redacted");
    expect(DOCUMENTS.get.parse(JSON.parse((await get([name, "--json"], 80)).stdout))).toMatchObject({ value: null, redacted: true });
    expect(await get([name, "--as", "raw"], 80)).toMatchObject({ code: 2, stdout: "", stderr: saying("the value is a Secret") });
    expect(await shown("--reveal")).toBe(true);
  });

  test("that is encrypted is named by provider and key, and decrypted with the configuration", async () => {
    const name = "crontabs/shop/sealed";
    const sealed = await get([name, "--as", "yaml"]);
    expect(sealed).toMatchObject({ code: 2, stdout: "", stderr: saying("is encrypted by aescbc with the key key1") });
    const opened = await get([name, "--encryption-config", "encryption.yaml", "--clean"]);
    expect(opened).toMatchObject({ code: 0, stderr: saying("belonged to Fleet all") });
    expect(opened.stderr).toContain(`crontabs/shop/sealed ${UNAUTHENTICATED}`);
    expect(parse(opened.stdout)).toEqual({
      apiVersion: "example.com/v1",
      kind: "CronTab",
      metadata: { name: "sealed", namespace: "shop" },
      spec: { text: "\u001b[2J" },
    });
    expect(opened.stdout).not.toContain("\u001b");
    const { stdout } = await get([name, "--encryption-config", "encryption.yaml", "--json"]);
    expect(DOCUMENTS.get.parse(JSON.parse(stdout))).toMatchObject({ warnings: [saying(UNAUTHENTICATED)] });
    expect(await get([name, "--encryption-config", "missing.yaml"])).toMatchObject({
      code: 2,
      stderr: saying("file missing.yaml not found"),
    });
  });

  test("that is none is printed as it is, and refused where an object is asked for", async () => {
    expect(await get(["plain"])).toMatchObject({ code: 0, stdout: "just text" });
    expect(await get(["plain", "--as", "yaml"])).toMatchObject({ code: 2, stdout: "", stderr: saying("plain is no object of Kubernetes") });
    expect(await get(["crontabs/shop/broken"])).toMatchObject({
      code: 0,
      stdout: "{ no JSON",
      stderr: saying("begins as JSON and is none"),
    });
  });
});

describe("one object at two times", () => {
  /** A later snapshot in which the first objects of two resources hold what the second ones of them held. */
  beforeAll(async () => {
    const changed = new Map(
      ["configmaps", "secrets"].map((resource) => {
        const [first, second] = live.filter(({ key }) => objectNameOf(key)?.resource === resource);
        if (first === undefined || second === undefined) throw new Error(`there are no two ${resource}`);
        return [first.key, second.value] as const;
      }),
    );
    const sealed = Buffer.from(CRONTAB.replace('"ready":true', '"ready":false'));
    const later = [
      ...live.map(({ key, value }) => [key, changed.get(key) ?? value] as const),
      ["/registry/example.com/crontabs/shop/sealed", aescbc(sealed)] as const,
    ];
    const entries = later.map(([key, value], index) => ({
      key: revisionKey(index + 1000),
      value: keyValue(Buffer.from(key), value),
    }));
    await writeFile(join(folder.path, "later.db"), asSent(boltFile(entries, { perLeaf: 8 }).bytes));
  });

  function diff(name: string, ...args: readonly string[]): Promise<Outcome> {
    return lifeboatHere(["diff", "s.db", "later.db", "--object", name, ...args], { cwd: folder.path });
  }

  test("is shown as the difference of what get prints of it", async () => {
    const name = nameOf("configmaps");
    const { code, stdout } = await diff(name, "--show-managed-fields");
    expect(code).toBe(0);
    expect(stdout).toContain("k:{");
    expect((await diff(name)).stdout).not.toContain("k:{");
    const printed = await Promise.all(["s.db", "later.db"].map((what) => lifeboatHere(["get", what, name], { cwd: folder.path })));
    const [before, after] = printed.map((each) => new Set(each.stdout.split("\n")));
    const lines = stdout.split("\n").slice(2);
    for (const [sign, mine, others] of [
      ["-", before, after],
      ["+", after, before],
    ] as const) {
      const marked = lines.filter((line) => line.startsWith(sign)).map((line) => line.slice(1));
      expect(marked.length).toBeGreaterThan(0);
      expect(marked.filter((line) => mine?.has(line) !== true)).toEqual([]);
      expect([...(mine ?? [])].filter((line) => others?.has(line) !== true && !marked.includes(line))).toEqual([]);
    }
    expect(await diff(nameOf("pods"))).toMatchObject({ code: 0, stdout: "", stderr: saying("with the same value") });
  });

  test("that was encrypted by aescbc is shown, and told to be authenticated by nothing", async () => {
    const answer = await diff("crontabs/shop/sealed", "--encryption-config", "encryption.yaml");
    expect(answer).toMatchObject({ code: 0, stdout: saying("-  ready: true\n+  ready: false\n") });
    expect(answer.stderr.match(new RegExp(UNAUTHENTICATED, "g"))).toHaveLength(1);
    const { stdout } = await diff("crontabs/shop/sealed", "--encryption-config", "encryption.yaml", "--json");
    expect(DOCUMENTS.diff.parse(JSON.parse(stdout))).toMatchObject({ warnings: [saying(UNAUTHENTICATED)] });
  });

  test("of a Secret has no data, in a pipe neither, unless it is to be shown", async () => {
    const name = nameOf("secrets");
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(parse((await get([name])).stdout));
    for (const args of [[], ["--json"]]) {
      const { code, stdout } = await diff(name, ...args);
      expect(code).toBe(0);
      expect(stdout).toContain("redacted");
      expect(Object.values(data).filter((value) => stdout.includes(value))).toEqual([]);
    }
    const { stdout } = await diff(name, "--reveal");
    expect(Object.values(data).some((value) => stdout.includes(value))).toBe(true);
  });
});

describe("all objects of a namespace", () => {
  const inShop = live.filter(({ key }) => objectNameOf(key)?.namespace === "shop");

  test("are files in folders whose names are in the order of creation, and hostile names stay in them", async () => {
    const { code, stderr } = await get([
      "--all",
      "-n",
      "shop",
      "--clean",
      "--made",
      "--encryption-config",
      "encryption.yaml",
      "--out",
      "shop",
    ]);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: saying("broken begins as JSON and is none") });
    expect(stderr).toContain(`crontabs/shop/sealed ${UNAUTHENTICATED}`);
    const files = (await readdir(join(folder.path, "shop"), { recursive: true }))
      .filter((name) => name.includes("/"))
      .toSorted((a, b) => (a < b ? -1 : 1));
    expect(files).toHaveLength(inShop.length + 4);
    expect(files[0]).toBe("00-namespaces/shop.yaml");
    expect(files).toContain("99-crontabs.example.com/broken.bin");
    expect(files.filter((name) => name.includes("%2e"))).toHaveLength(1);
    const step = (resource: string): number => files.findIndex((name) => name.includes(`-${resource}/`));
    expect(step("secrets")).toBeLessThan(step("pods"));
    for (const name of files.filter((each) => each.endsWith(".yaml"))) {
      const written = object.parse(parse(await readFile(join(folder.path, "shop", name), "utf8")));
      expect(written.metadata).not.toHaveProperty("uid");
    }
    expect((await stat(join(folder.path, "shop", files[0] ?? ""))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder.path)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  test("are nothing where there is no such namespace, and are never written over something", async () => {
    expect(await get(["--all", "-n", "nowhere", "--out", "none"])).toMatchObject({
      code: 2,
      stderr: saying("there is no object of the namespace nowhere"),
    });
    expect(await readdir(folder.path)).not.toContain("none");
    await mkdir(join(folder.path, "full"));
    await writeFile(join(folder.path, "full/x"), "");
    expect(await get(["--all", "-n", "shop", "--out", "full"])).toMatchObject({ code: 2, stdout: "" });
    expect(await get(["--all", "--out", "x"])).toMatchObject({ code: 2, stderr: saying("--all needs a namespace") });
    expect(await get(["pods/a/b", "--out", "x"])).toMatchObject({ code: 2, stderr: saying("--out goes with --all") });
  });

  test("are counted in the document", async () => {
    const { stdout } = await get(["--all", "-n", "shop", "--out", "counted", "--json"]);
    const document = DOCUMENTS.get.parse(JSON.parse(stdout));
    if (!("objects" in document)) throw new Error("it is the other document");
    expect(document.objects + document.made.length + document.raw.length).toBe(inShop.length + 4);
    expect(document.secrets).toBe(inShop.filter(({ key }) => key.includes("/secrets/")).length);
    expect(document.raw).toContainEqual({ key: "/registry/example.com/crontabs/shop/sealed", text: saying("is encrypted by aescbc") });
  });
});
