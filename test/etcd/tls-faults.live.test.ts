import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createAuthority, type Authority, type CertificateAndKey, type Validity } from "../../tools/lab/certificates.ts";
import { startCluster, type EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { etcdPrograms } from "../../tools/lab/etcd-programs.ts";
import { freePort } from "../../tools/lab/free-port.ts";
import type { EtcdSettings } from "../../shared/etcd/grpc/settings.ts";
import { skipWithout } from "../support/programs.ts";
import { drain, trailerMatches } from "./support/drain.ts";
import { failureOf } from "./support/failure.ts";
import { LIMITS, sourceOf } from "./support/source-of.ts";

const HOUR_MS = 3_600_000;
const PAST = { notBefore: new Date(Date.now() - 48 * HOUR_MS), notAfter: new Date(Date.now() - 24 * HOUR_MS) };
const FUTURE = { notBefore: new Date(Date.now() + 24 * HOUR_MS) };

/** Both kinds of connection to etcd: the one for questions, and the one for a snapshot. They must say the same. */
async function expectBoth(
  settings: Pick<EtcdSettings, "endpoints" | "tls">,
  expected: { code: string; message: string; hint?: string },
): Promise<void> {
  using source = sourceOf(settings);
  const endpoint = settings.endpoints[0] ?? "";
  const secrets = settings.tls?.key === undefined ? [] : [settings.tls.key];
  expect.soft(await failureOf(source.status(endpoint), secrets)).toMatchObject(expected);
  expect.soft(await failureOf(drain(source.snapshot(endpoint, LIMITS)), secrets)).toMatchObject(expected);
}

/** 3.4 was built with an older Go, whose TLS refuses in other words. */
describe.each(["3.4", "3.7"] as const)("etcd %s that asks for client certificates", (version) => {
  const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);
  let foreign: Authority;
  let cluster: EtcdCluster;
  let ca: string;
  let endpoints: readonly string[];
  let url: string;

  beforeAll(async () => {
    if (isMissing) return;
    foreign = await createAuthority("foreign ca");
    cluster = await startCluster({ version, security: "tls" });
    ca = cluster.authority?.certificate ?? "";
    endpoints = cluster.endpoints;
    url = endpoints[0] ?? "";
  });
  afterAll(async () => {
    if (!isMissing) await cluster.stop();
  });

  const issued = async (validity: Validity): Promise<CertificateAndKey> => {
    const client = await cluster.authority?.issueClient("lifeboat", validity);
    if (client === undefined) throw new Error("the cluster has no authority");
    return client;
  };

  test.skipIf(isMissing)("a CA that did not sign its certificate", async () => {
    await expectBoth(
      { endpoints, tls: { ...cluster.connection.tls, ca: foreign.certificate } },
      {
        code: "etcd/tls",
        message: `the certificate of ${url} is not signed by tls.ca (its issuer is CN=lifeboat lab ca)`,
        hint: "set tls.ca to the CA that signed etcd's --cert-file",
      },
    );
  });

  test.skipIf(isMissing)("no CA at all", async () => {
    await expectBoth(
      { endpoints },
      {
        code: "etcd/tls",
        message: `the certificate of ${url} is not signed by a CA that this machine trusts (its issuer is CN=lifeboat lab ca)`,
      },
    );
  });

  test.skipIf(isMissing)("no client certificate", async () => {
    await expectBoth(
      { endpoints, tls: { ca } },
      {
        code: "etcd/tls",
        message: `${url} asks for a client certificate, and none is configured`,
        hint: "set tls.cert and tls.key to one signed by the CA of etcd's --trusted-ca-file",
      },
    );
  });

  test.skipIf(isMissing)("a client certificate of another CA", async () => {
    const alert = version === "3.4" ? "bad certificate" : "unknown ca";
    await expectBoth(
      { endpoints, tls: { ca, ...(await foreign.issueClient("lifeboat")) } },
      { code: "etcd/tls", message: `${url} refused the client certificate CN=lifeboat (${alert})` },
    );
  });

  test.skipIf(isMissing)("a client certificate that expired", async () => {
    const date = new Date(Math.floor(PAST.notAfter.getTime() / 1000) * 1000).toISOString();
    await expectBoth(
      { endpoints, tls: { ca, ...(await issued(PAST)) } },
      { code: "etcd/tls", message: `${url} refused the client certificate CN=lifeboat: it expired on ${date}`, hint: "renew tls.cert" },
    );
  });

  test.skipIf(isMissing)("a client certificate from the future", async () => {
    await expectBoth(
      { endpoints, tls: { ca, ...(await issued(FUTURE)) } },
      { code: "etcd/tls", message: expect.stringContaining("it is not valid before") as string },
    );
  });

  test.skipIf(isMissing)("http where TLS is spoken", async () => {
    const plain = url.replace("https:", "http:");
    await expectBoth(
      { endpoints: [plain] },
      { code: "etcd/tls", message: `${plain} is configured as plain http and speaks TLS`, hint: `write it as ${url} and set tls.ca` },
    );
  });

  test.skipIf(isMissing)("the server's certificate can be looked at all the same", async () => {
    using source = sourceOf({ endpoints });
    expect(await source.serverCertificate(url)).toMatchObject({ subject: "CN=127.0.0.1" });
  });
});

describe("names and times of the server's certificate", () => {
  test("a name that is not the endpoint's needs tls.serverName, and goes with every call, the log-in included", async () => {
    await using cluster = await startCluster({ version: "3.6", security: "password", serverName: "etcd.internal" });
    const { endpoints, tls, auth } = cluster.connection;
    const url = endpoints[0] ?? "";
    const ca = tls?.ca;
    const wrong = {
      code: "etcd/tls",
      message: `the certificate of ${url} is not for 127.0.0.1: it names DNS:etcd.internal`,
      hint: expect.stringContaining("tls.serverName") as string,
    };
    await expectBoth({ endpoints, tls: { ca } }, wrong);
    await expectBoth(
      { endpoints, tls: { ca, serverName: "other.internal" } },
      { ...wrong, message: `the certificate of ${url} is not for other.internal: it names DNS:etcd.internal` },
    );
    using source = sourceOf({ endpoints, tls: { ca, serverName: "etcd.internal" }, auth });
    await source.checkPermission(url);
    expect((await source.members(url)).map(({ name }) => name)).toEqual(["m1"]);
    expect(trailerMatches(await drain(source.snapshot(url, LIMITS)))).toBe(true);
    expect(await source.serverCertificate(url)).toMatchObject({ subject: "CN=etcd.internal" });
  });

  test("an expired certificate is refused with its date, and still shown", async () => {
    await using cluster = await startCluster({ version: "3.6", security: "tls", serverValidity: PAST });
    const url = cluster.endpoints[0] ?? "";
    const date = new Date(Math.floor(PAST.notAfter.getTime() / 1000) * 1000);
    await expectBoth(cluster.connection, {
      code: "etcd/tls",
      message: `the certificate of ${url} expired on ${date.toISOString()}`,
      hint: "renew etcd's --cert-file: a running etcd takes the new one by itself",
    });
    using source = sourceOf(cluster.connection);
    expect((await source.serverCertificate(url))?.notAfter).toEqual(date);
  });

  test("a certificate that is not valid yet", async () => {
    await using cluster = await startCluster({ version: "3.6", security: "tls", serverValidity: FUTURE });
    await expectBoth(cluster.connection, { code: "etcd/tls", message: expect.stringContaining("is not valid yet before") as string });
  });
});

describe("the wrong place", () => {
  test("https where plain http is spoken", async () => {
    await using cluster = await startCluster({ version: "3.6" });
    const plain = cluster.endpoints[0] ?? "";
    const url = plain.replace("http:", "https:");
    await expectBoth(
      { endpoints: [url] },
      {
        code: "etcd/tls",
        message: `${url} is configured as https and answers plain http`,
        hint: `write it as ${plain}, or start etcd with --cert-file and --key-file`,
      },
    );
  });

  test("a port that nobody listens on", async () => {
    const url = `https://127.0.0.1:${await freePort()}`;
    await expectBoth(
      { endpoints: [url] },
      { code: "etcd/unreachable", message: `${url} refused the connection`, hint: expect.stringContaining("2379") as string },
    );
  });
});
