import { describe, expect, test } from "vitest";
import { envelopeOf, typeIn } from "../../shared/kube/envelope.ts";
import { kubernetesData } from "../../tools/lab/kubernetes-data.ts";

describe("the form of a value", () => {
  test.each([
    ["protobuf", Buffer.from("k8s\0\n")],
    ["cbor", Buffer.from("d9d9f7a0", "hex")],
    ["json", Buffer.from('{"a":1}')],
    ["json", Buffer.from('\n  {"a":1}')],
    ["other", Buffer.alloc(0)],
    ["other", Buffer.from("k8s")],
    ["other", Buffer.from("k8s:enc:aescbc:v1:unfinished")],
    ["other", Buffer.from(`k8s:enc:aescbc:v1:${"long".repeat(100)}:`)],
    ["other", Buffer.from("[1]")],
    ["other", Buffer.from("   ")],
  ])("is %s", (form, value) => {
    expect(envelopeOf(value)).toEqual({ form });
  });

  test.each([
    ["aescbc", "v1", "key1"],
    ["kms", "v2", "my-provider"],
    ["secretbox", "v1", ""],
    ["aesgcm", "v1", "schlüssel"],
  ])("is encrypted by %s %s with the key %s", (provider, version, keyName) => {
    const prefix = `k8s:enc:${provider}:${version}:${keyName}:`;
    const value = Buffer.concat([Buffer.from(prefix), Buffer.from([0x3a, 0xff, 0])]);
    expect(envelopeOf(value)).toEqual({ form: "encrypted", by: { provider, version, keyName }, ciphertextAt: Buffer.byteLength(prefix) });
  });
});

describe("type and version", () => {
  test("are told from the first 96 bytes of what the API server writes", () => {
    const { live } = kubernetesData({ megabytes: 0.2 });
    const types = new Set(live.map(({ value }) => typeIn(value.subarray(0, 96))).map((type) => `${type?.kind} ${type?.apiVersion}`));
    expect([...types].toSorted()).toEqual([
      "Certificate cert-manager.io/v1",
      "ConfigMap v1",
      "Event v1",
      "Lease coordination.k8s.io/v1",
      "Namespace v1",
      "Pod v1",
      "Secret v1",
    ]);
  });

  test("are told of JSON whichever comes first", () => {
    expect(typeIn(Buffer.from('{"kind":"APIService","apiVersion":"apiregistration.k8s.io/v1","meta'))).toEqual({
      kind: "APIService",
      apiVersion: "apiregistration.k8s.io/v1",
    });
    expect(typeIn(Buffer.from('{ "apiVersion": "a/v1", "kind": "B", "x'))).toEqual({ kind: "B", apiVersion: "a/v1" });
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a prefix alone", Buffer.from("k8s\0")],
    ["a cut one", Buffer.from("6b3873000a090a02763112", "hex")],
    ["a kind that is longer than its message", Buffer.from("6b3873000a050a0276311203506f64", "hex")],
    ["a length of two bytes", Buffer.from("6b3873000a80010a02763112", "hex")],
    ["an empty kind", Buffer.from("6b3873000a060a0276311200", "hex")],
    ["JSON with another first field", Buffer.from('{"spec":{"kind":"A","apiVersion":"b"}}')],
    ["a field twice", Buffer.from('{"kind":"A","kind":"B"}')],
    ["an encrypted value", Buffer.from("k8s:enc:aescbc:v1:key1:xxxxxxxxxxxxxxxx")],
    ["text", Buffer.from("hello")],
  ])("are not told of %s", (_, value) => {
    expect(typeIn(value)).toBeUndefined();
  });
});
