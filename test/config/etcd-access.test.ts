import { expect, test } from "vitest";
import { backupAccess, secretsIn, verifierAccess } from "../../shared/config/etcd-access.ts";
import type { EtcdAccess } from "../../shared/config/etcd-access.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { connectVerifier } from "../../shared/wire/cluster.ts";
import { ManualClock } from "../doubles/manual-clock.ts";

/** How the verifier reaches the members, beside how the backup does. */

const SURROUNDINGS = {
  clock: new ManualClock(),
  randomBytes: (size: number): Buffer => Buffer.alloc(size),
  environment: {},
  runtimeFolder: "",
  stateFolder: undefined,
};

const loadedWith = (settings: string) => {
  const config = parseConfig(
    `version: 1
store: { kind: directory, path: ./vault }
keys: { kind: local, path: ./keys }
clusters:
  prod:
    endpoints: [https://a:2379]
    tls: { ca: env:CA, cert: env:CERT, key: env:KEY }
    auth: { username: backup, password: env:PASSWORD }
    timeouts: { call: 7s }
    ${settings}
`,
    "lifeboat.yaml",
  );
  return { config, directory: ".", file: "lifeboat.yaml" };
};
const accesses = (settings: string): { readonly backup: EtcdAccess; readonly verify: EtcdAccess } => {
  const prod = loadedWith(settings).config.clusters["prod"];
  if (prod === undefined) throw new Error("there is no such cluster");
  return { backup: backupAccess("prod", prod), verify: verifierAccess("prod", prod) };
};
const settingsOf = (access: EtcdAccess): readonly string[] => secretsIn(access).map(({ setting }) => setting.replace("clusters.prod.", ""));

test("is the same where nothing is set", () => {
  const { backup, verify } = accesses("");
  expect(verify).toEqual(backup);
  expect(settingsOf(verify)).toEqual(["tls.ca", "tls.cert", "tls.key", "auth.password"]);
});

test("takes each setting of its own, and leaves the backup's as it is", () => {
  const { backup, verify } = accesses(
    "verify: { endpoints: [https://gate:2379], auth: { username: verifier, password: env:OWN }, timeouts: { hashKv: 5s } }",
  );
  expect(verify).toMatchObject({
    endpoints: ["https://gate:2379"],
    auth: { username: "verifier" },
    callMs: 7000,
    connectMs: 5000,
    hashKvMs: 5000,
  });
  expect(settingsOf(verify)).toEqual(["tls.ca", "tls.cert", "tls.key", "verify.auth.password"]);
  expect(backup).toMatchObject({ endpoints: ["https://a:2379"], auth: { username: "backup" }, hashKvMs: 120_000 });
});

test("by a certificate of its own needs no password of the cluster's", () => {
  const { verify } = accesses("verify: { tls: { ca: env:CA, cert: env:OWN_CERT, key: env:OWN_KEY } }");
  expect(settingsOf(verify)).toEqual(["verify.tls.ca", "verify.tls.cert", "verify.tls.key"]);
  expect(verify.auth).toBeUndefined();
});

test.each([
  ["prod", "verify: { confirm: off }", "verify.confirm is off for this cluster"],
  ["prod", "agreement: off", "agreement is off for this cluster"],
  ["test", "", "the configuration does not have the cluster test"],
])("nobody is connected to: %s, %s", async (name, settings, notAsked) => {
  expect(await connectVerifier(loadedWith(settings), name, SURROUNDINGS)).toEqual({ notAsked });
});

test("a secret of its own that cannot be read is named by its setting", async () => {
  const loaded = loadedWith("verify: { tls: {}, auth: { username: verifier, password: env:OWN } }");
  await expect(connectVerifier(loaded, "prod", SURROUNDINGS)).rejects.toMatchObject({
    code: "config/secret",
    message: "clusters.prod.verify.auth.password refers to the environment variable OWN, which is not set",
  });
});
