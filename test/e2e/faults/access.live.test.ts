import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "../../../tools/lab/certificates.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { ClusterOptions, EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import type { LifeboatOptions } from "../../support/lifeboat.ts";
import { expectBackup, expectNothing, expectTruth, newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";

/** Certificates and users that are wrong: exit code 3, what is wrong, what to do about it, and no trace of the run. */

const DAY_MS = 86_400_000;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function clusterAndPlace(
  name: string,
  options: Omit<ClusterOptions, "version">,
): Promise<{ cluster: EtcdCluster; place: Place } & AsyncDisposable> {
  const cluster = await startCluster({ version: "3.6", ...options });
  return { cluster, place: await newPlace(cluster, folder.path, name), [Symbol.asyncDispose]: () => cluster.stop() };
}

/** Of a backup that is refused before anything is begun. */
async function refusal(place: Place, options: LifeboatOptions = place.options): Promise<string> {
  const { code, stdout, stderr } = await lifeboatHere(["backup", "prod"], options);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  await expectNothing(place);
  return stderr;
}

describe("certificates", () => {
  test("another CA's is told with the issuer that was seen, and the right one mends it", async () => {
    await using both = await clusterAndPlace("wrong ca", { security: "tls" });
    const { cluster, place } = both;
    await writeFile(place.path("other.pem"), (await createAuthority("somebody else's ca")).certificate);
    await place.edit("lifeboat.yaml", (text) => text.replace(/ca: .*/, "ca: file:other.pem"));
    const told = await refusal(place);
    expect(told).toContain(
      `lifeboat: the certificate of ${cluster.endpoints[0]} is not signed by tls.ca (its issuer is CN=lifeboat lab ca)`,
    );
    expect(told).toContain("lifeboat: hint: set tls.ca to the CA that signed etcd's --cert-file");
    await place.edit("lifeboat.yaml", (text) => text.replace(/ca: .*/, `ca: file:${cluster.files.ca}`));
    await expectBackup(place);
  });

  test("a client's of another CA is told by its name", async () => {
    await using both = await clusterAndPlace("wrong client", { security: "tls" });
    const { cluster, place } = both;
    const { cert, key } = await (await createAuthority("somebody else's ca")).issueClient("stranger");
    await writeFile(place.path("other.pem"), cert);
    await writeFile(place.path("other-key.pem"), key);
    await place.edit("lifeboat.yaml", (text) =>
      text.replace(/ cert: .*/, " cert: file:other.pem").replace(/ key: file.*/, " key: file:other-key.pem"),
    );
    const told = await refusal(place);
    expect(told).toContain(`lifeboat: ${cluster.endpoints[0]} refused the client certificate CN=stranger`);
    expect(told).toContain("lifeboat: hint: tls.cert must be signed by the CA of etcd's --trusted-ca-file");
  });

  test("a server's that expired is told with the day, by preflight too", async () => {
    const serverValidity = { notBefore: new Date("2025-01-01T00:00:00Z"), notAfter: new Date("2026-01-02T03:04:05Z") };
    await using both = await clusterAndPlace("expired", { security: "tls", serverValidity });
    const { cluster, place } = both;
    const told = await refusal(place);
    expect(told).toContain(`lifeboat: the certificate of ${cluster.endpoints[0]} expired on 2026-01-02T03:04:05.000Z`);
    expect(told).toContain("lifeboat: hint: renew etcd's --cert-file");
    const looked = await place.here("preflight", "prod");
    expect(looked.code).toBe(3);
    expect(`${looked.stdout}${looked.stderr}`).toContain("expired on 2026-01-02");
  });

  test("a server's that expires soon is a warning, and the backup is taken", async () => {
    await using both = await clusterAndPlace("expiring", {
      security: "tls",
      serverValidity: { notAfter: new Date(Date.now() + 5.5 * DAY_MS) },
    });
    const { place } = both;
    const { code, stderr } = await lifeboatHere(["backup", "prod"], place.options);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /warning: https:\S+: its certificate \(CN=127\.0\.0\.1\) expires in 5 days, on \d{4}-\d{2}-\d{2}; renew etcd's --cert-file/,
    );
    expect(await expectTruth(place)).toHaveLength(1);
  });
});

describe("users", () => {
  test("a wrong password is told without it, and the right one works", async () => {
    await using both = await clusterAndPlace("wrong password", { security: "password" });
    const { cluster, place } = both;
    const told = await refusal(place, { ...place.options, env: { ETCD_PASSWORD: "not-the-password" } });
    expect(told).toContain(`lifeboat: ${cluster.endpoints[0]} refused user name or password of user root`);
    expect(told).toContain("lifeboat: hint: check auth.username and auth.password");
    expect(told).not.toContain("not-the-password");
    const unset = await lifeboatHere(["backup", "prod"], { ...place.options, env: {} });
    expect(unset).toMatchObject({ code: 2, stdout: "" });
    expect(unset.stderr).toContain("lifeboat: hint: set ETCD_PASSWORD for this command");
    await expectBackup(place);
  });

  test("one who is not root is told the command that mends it, and that command does", async () => {
    await using both = await clusterAndPlace("not root", { security: "password" });
    const { cluster, place } = both;
    await cluster.etcdctl(["user", "add", "backup", "--interactive=false"], { input: "only-for-backups\n" });
    await place.edit("lifeboat.yaml", (text) => text.replace("username: root", "username: backup"));
    const options = { ...place.options, env: { ETCD_PASSWORD: "only-for-backups" } };
    const told = await refusal(place, options);
    expect(told).toContain(`lifeboat: ${cluster.endpoints[0]} does not let user backup send a snapshot: the role root is needed`);
    const command = /hint: grant it with `etcdctl (.*)`/.exec(told)?.[1] ?? "";
    await cluster.etcdctl(command.split(" "));
    expect(await lifeboatHere(["backup", "prod"], options)).toMatchObject({ code: 0 });
    expect(await expectTruth(place)).toHaveLength(1);
  });

  test("a client certificate of one who is not root is told by its name, and the grant mends it", async () => {
    await using both = await clusterAndPlace("not root by certificate", { security: "certificate" });
    const { cluster, place } = both;
    const { cert, key } = (await cluster.authority?.issueClient("backup")) ?? { cert: "", key: "" };
    await writeFile(place.path("backup.pem"), cert);
    await writeFile(place.path("backup-key.pem"), key);
    await place.edit("lifeboat.yaml", (text) =>
      text.replace(/ cert: .*/, " cert: file:backup.pem").replace(/ key: file.*/, " key: file:backup-key.pem"),
    );
    expect(await refusal(place)).toContain(
      `lifeboat: ${cluster.endpoints[0]} does not know the user of the client certificate (CN=backup)`,
    );
    await cluster.etcdctl(["user", "add", "backup", "--no-password"]);
    const told = await refusal(place);
    expect(told).toContain("does not let the user of the client certificate (CN=backup) send a snapshot: the role root is needed");
    await cluster.etcdctl((/hint: grant it with `etcdctl (.*)`/.exec(told)?.[1] ?? "").split(" "));
    expect(await lifeboatHere(["backup", "prod"], place.options)).toMatchObject({ code: 0 });
    expect(await expectTruth(place)).toHaveLength(1);
  });
});
