import { expect, test } from "vitest";

import { openEtcd } from "../../shared/etcd/grpc/source.ts";
import type { TlsSettings } from "../../shared/etcd/grpc/settings.ts";
import { createAuthority } from "../../tools/lab/certificates.ts";
import { ManualClock } from "../doubles/manual-clock.ts";

const authority = await createAuthority();
const one = await authority.issueClient("one");
const other = await authority.issueClient("other");
const ENDPOINT = "https://127.0.0.1:2379";

function open(tls?: TlsSettings, endpoints: readonly string[] = [ENDPOINT]): ReturnType<typeof openEtcd> {
  return openEtcd({ endpoints, tls, connectMs: 1000, callMs: 1000 }, new ManualClock());
}

test.each([
  ["a certificate without its key", { cert: one.cert }, "tls.cert is set and tls.key is not"],
  ["a key without its certificate", { key: one.key }, "tls.key is set and tls.cert is not"],
  ["a key of another certificate", { cert: one.cert, key: other.key }, "tls.cert and tls.key cannot be used: "],
  ["no PEM for the CA", { ca: "hello" }, "tls.ca holds no certificate in PEM: "],
  ["a key in place of the CA", { ca: one.key }, "tls.ca holds no certificate in PEM: "],
  ["no PEM for the certificate", { cert: "hello", key: one.key }, "cannot be used: "],
  ["no PEM for the key", { cert: one.cert, key: "hello" }, "cannot be used: "],
])("%s is refused before any connection, without the key in the message", (_, tls, message) => {
  let thrown: unknown;
  try {
    open(tls);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    code: "config/invalid",
    message: expect.stringContaining(message) as string,
    hint: expect.any(String) as string,
  });
  expect(String(thrown)).not.toContain(one.key.split("\n")[1]);
});

test("no endpoint is refused", () => {
  expect(() => open({}, [])).toThrow(expect.objectContaining({ code: "config/invalid", message: "no endpoint of etcd is configured" }));
});

test("an endpoint that stands twice is asked once, and one that is not there is the caller's mistake", async () => {
  const source = open({}, [ENDPOINT, ENDPOINT]);
  expect(source.endpoints).toEqual([ENDPOINT]);
  await expect(source.status("https://127.0.0.1:1")).rejects.toThrow("https://127.0.0.1:1 is not an endpoint of this source");
  source.close();
});

test("after it was closed a source asks nothing more", async () => {
  const source = open();
  source.close();
  await expect(source.status(ENDPOINT)).rejects.toThrow(`the client of ${ENDPOINT} was closed`);
});

test("the client's certificate is read from its PEM, the first of a chain", () => {
  const chain = `${one.cert}${authority.certificate}`;
  const source = open({ ca: authority.certificate, cert: chain, key: one.key });
  const certificate = source.clientCertificate();
  expect(certificate?.subject).toBe("CN=one");
  expect(certificate?.notAfter.getTime()).toBeGreaterThan(certificate?.notBefore.getTime() ?? Infinity);
  source.close();
  expect(open({ ca: authority.certificate }).clientCertificate()).toBeUndefined();
});
