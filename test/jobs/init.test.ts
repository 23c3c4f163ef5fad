import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../shared/config/load.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { init } from "../../shared/jobs/init.ts";
import type { InitPorts, InitRequest, InitResult } from "../../shared/jobs/init.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { readIdentities, recipientOf } from "../../shared/seal/age.ts";
import { initPorts } from "../../shared/wire/init.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

const ALL = ["break-glass.key", "keys", "lifeboat.yaml", "vault"];

let folder: string;
let request: InitRequest;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-init-"));
  request = { configFile: join(folder, "lifeboat.yaml"), directory: folder, now: new Date("2026-11-21T10:00:00Z") };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const entries = async (): Promise<readonly string[]> => (await readdir(folder)).toSorted((one, other) => (one < other ? -1 : 1));
const make = (change: Partial<InitRequest> = {}, ports: Partial<InitPorts> = {}): Promise<InitResult> =>
  init({ ...initPorts, ...ports }, { ...request, ...change });

describe("init", () => {
  test("makes a configuration that loads, trusts the new keys and names them by relative paths", async () => {
    const result = await make();
    expect(await entries()).toEqual(ALL);
    const { config } = await loadConfig(result.config);
    const ring = new LocalKeyRing(join(folder, "keys"));
    expect(config.store).toEqual({ kind: "directory", path: "./vault" });
    expect(config.keys).toEqual({ kind: "local", path: "./keys" });
    expect(config.breakGlass).toEqual([result.breakGlassRecipient]);
    for (const purpose of ["snapshot", "audit", "bundle"] as const) {
      expect(config.trustedKeys[purpose]).toEqual([result.fingerprints[purpose]]);
      expect((await ring.publicKey(purpose)).fingerprint).toBe(result.fingerprints[purpose]);
    }
    expect(result.warnings).toEqual([]);
  });

  test("gives secrets to their owner only, and an identity that opens what the recipient is for", async () => {
    const result = await make();
    for (const path of [result.breakGlassIdentity, result.config]) expect((await stat(path)).mode & 0o777, path).toBe(0o600);
    for (const path of [result.keys, result.store]) expect((await stat(path)).mode & 0o777, path).toBe(0o700);
    const [identity = "", ...more] = readIdentities(await readFile(result.breakGlassIdentity, "utf8"));
    expect(more).toEqual([]);
    expect(await recipientOf(identity)).toBe(result.breakGlassRecipient);
    expect(await readFile(result.config, "utf8")).not.toContain("SECRET");
  });

  test("writes a cluster with its certificates relative to the configuration", async () => {
    await mkdir(join(folder, "pki"));
    for (const name of ["ca.pem", "client.pem", "client-key.pem"]) await writeFile(join(folder, "pki", name), "");
    const directory = join(folder, "boat");
    await mkdir(join(folder, "etc"));
    const at = (name: string): string => join(folder, "pki", name);
    const cluster = {
      name: "prod",
      endpoints: ["https://10.0.0.1:2379"],
      ca: at("ca.pem"),
      cert: at("client.pem"),
      key: at("client-key.pem"),
      username: "root",
    };
    const { config: file } = await make({ configFile: join(folder, "etc", "prod.yaml"), directory, cluster });
    const { config } = await loadConfig(file);
    expect(config.store).toEqual({ kind: "directory", path: "../boat/vault" });
    expect(config.clusters["prod"]).toMatchObject({
      endpoints: ["https://10.0.0.1:2379"],
      tls: { ca: "file:../pki/ca.pem", cert: "file:../pki/client.pem", key: "file:../pki/client-key.pem" },
      auth: { username: "root", password: "env:ETCD_PASSWORD" },
    });
  });

  test("warns of plain http, naming the endpoints", async () => {
    const cluster = { name: "prod", endpoints: ["http://127.0.0.1:2379", "https://10.0.0.1:2379"] };
    expect((await make({ cluster })).warnings).toEqual([saying("http://127.0.0.1:2379: plain http carries every secret")]);
  });

  test.runIf(process.platform === "linux")("tells of a folder that cannot be made, at once", async () => {
    const [dir, file] = ["/proc/lifeboat", join(folder, "lifeboat.yaml")];
    expect(await failureOf(make({ directory: dir, configFile: file }))).toMatchObject({
      code: "output/failed",
      message: "cannot write keys to /proc/lifeboat/keys: cannot make the folder /proc/lifeboat: no folder can be made in /proc (ENOENT)",
    });
    const createKeys: InitPorts["createKeys"] = () => initPorts.createKeys(join(folder, "keys"));
    expect(await failureOf(make({ directory: dir, configFile: file }, { createKeys }))).toMatchObject({
      code: "output/failed",
      message: saying("cannot make the folder /proc/lifeboat/vault: "),
    });
  });

  test("keeps a vault that is there, with what is in it", async () => {
    await mkdir(join(folder, "vault"));
    await writeFile(join(folder, "vault", "precious"), "snapshots");
    await make();
    expect(await readFile(join(folder, "vault", "precious"), "utf8")).toBe("snapshots");
  });
});

describe("nothing is overwritten, and nothing is made", () => {
  test.each(["lifeboat.yaml", "break-glass.key", "keys"])("where %s is there", async (name) => {
    await writeFile(join(folder, name), "precious");
    expect(await failureOf(make())).toMatchObject({ code: "output/exists", message: saying(join(folder, name)) });
    expect(await entries()).toEqual([name]);
    expect(await readFile(join(folder, name), "utf8")).toBe("precious");
  });

  test("by a second init: all stays as the first one made it", async () => {
    const result = await make();
    const before = await readFile(result.breakGlassIdentity, "utf8");
    expect(await failureOf(make())).toMatchObject({ code: "output/exists" });
    expect(await readFile(result.breakGlassIdentity, "utf8")).toBe(before);
    expect(await entries()).toEqual(ALL);
  });

  test.each<[string, InitRequest["cluster"], object]>([
    [
      "a cluster's name is none",
      { name: "Prod/1", endpoints: ["https://a:1"] },
      { code: "config/invalid", message: saying("a cluster's name has") },
    ],
    [
      "an endpoint is none",
      { name: "prod", endpoints: ["10.0.0.1:2379"] },
      { code: "config/invalid", message: saying("is not an endpoint") },
    ],
    [
      "a certificate cannot be read",
      { name: "prod", endpoints: ["https://a:1"], ca: "/nowhere/ca.pem" },
      { code: "usage", message: "/nowhere/ca.pem cannot be read" },
    ],
  ])("where %s", async (_what, cluster, error) => {
    expect(await failureOf(make(cluster === undefined ? {} : { cluster }))).toMatchObject(error);
    expect(await entries()).toEqual([]);
  });
});

describe("an init that fails leaves nothing, and a second try works", () => {
  const full = new LifeboatError("store/full", "no space left");
  const failing = (name: string): Partial<InitPorts> => ({
    writeNew: (path, text) => (path.endsWith(name) ? Promise.reject(full) : initPorts.writeNew(path, text)),
  });
  test.each<[string, Partial<InitPorts>]>([
    ["making the keys", { createKeys: () => Promise.reject(full) }],
    ["making the store", { makeFolder: () => Promise.reject(full) }],
    ["writing the break-glass identity", failing("break-glass.key")],
    ["writing the configuration", failing("lifeboat.yaml")],
  ])("in %s", async (_what, ports) => {
    await expect(make({}, ports)).rejects.toBe(full);
    expect(await entries()).toEqual([]);
    await make();
    expect(await entries()).toEqual(ALL);
  });

  test("also where the folder of the configuration is not there", async () => {
    expect(await failureOf(make({ configFile: join(folder, "etc", "lifeboat.yaml") }))).toMatchObject({ code: "output/failed" });
    expect(await entries()).toEqual([]);
  });

  test("but a vault that was there", async () => {
    await mkdir(join(folder, "vault"));
    await writeFile(join(folder, "vault", "precious"), "snapshots");
    await failureOf(make({}, failing("lifeboat.yaml")));
    expect(await entries()).toEqual(["vault"]);
    expect(await readFile(join(folder, "vault", "precious"), "utf8")).toBe("snapshots");
  });

  test("and what somebody else put there meanwhile", async () => {
    const path = join(folder, "break-glass.key");
    const racing: Partial<InitPorts> = {
      async makeFolder(store) {
        await writeFile(path, "somebody else's");
        return initPorts.makeFolder(store);
      },
    };
    expect(await failureOf(make({}, racing))).toMatchObject({ code: "output/exists" });
    expect(await entries()).toEqual(["break-glass.key"]);
    expect(await readFile(path, "utf8")).toBe("somebody else's");
  });
});
