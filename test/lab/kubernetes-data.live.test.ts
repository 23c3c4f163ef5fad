import { describe, expect, test } from "vitest";
import { kubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { map, varint } from "../../tools/lab/kubernetes/protobuf.ts";
import { SeededRandom } from "../../tools/lab/kubernetes/random.ts";

describe("protobuf fields", () => {
  test("are those of the encoding's own documentation", () => {
    expect(varint(1, 150).toString("hex")).toBe("089601");
    expect(varint(1, 2 ** 40).toString("hex")).toBe("08808080808020");
    expect(map(7, { b: "2", a: "1" }).toString("hex")).toBe("3a060a01611201313a060a0162120132");
  });
});

describe("Kubernetes-shaped data", () => {
  test("is the same for the same seed and another for another", () => {
    expect(kubernetesData({ megabytes: 0.2 })).toEqual(kubernetesData({ megabytes: 0.2, seed: 1 }));
    expect(kubernetesData({ megabytes: 0.2 })).not.toEqual(kubernetesData({ megabytes: 0.2, seed: 2 }));
  });

  test("has as many bytes as asked for, under keys that are each written once", () => {
    const { live, deleted } = kubernetesData({ megabytes: 3 });
    const bytes = live.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    expect(bytes).toBeGreaterThanOrEqual(3e6);
    expect(bytes).toBeLessThan(3.05e6);
    expect(new Set([...live, ...deleted].map(({ key }) => key)).size).toBe(live.length + deleted.length);
  });

  test("changes some live keys to other values", () => {
    const { live, changed } = kubernetesData({ megabytes: 1 });
    const values = new Map(live.map(({ key, value }) => [key, value]));
    expect(changed.length).toBeGreaterThan(live.length / 50);
    for (const { key, value } of changed) expect(values.get(key)?.equals(value)).toBe(false);
  });

  test("is protobuf in Kubernetes' envelope, but JSON for custom resources", () => {
    const { live } = kubernetesData({ megabytes: 0.2 });
    for (const { key, value } of live) {
      if (key.includes("cert-manager.io")) expect(JSON.parse(value.toString())).toMatchObject({ kind: "Certificate" });
      else expect(value.subarray(0, 5).toString("latin1")).toBe("k8s\0\n");
    }
  });
});

test("the random numbers of a seed stay what they are", () => {
  const random = new SeededRandom(42);
  expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([2581720956, 1925393290, 3661312704]);
});
