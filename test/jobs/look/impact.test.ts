import { describe, expect, test } from "vitest";
import type { Change } from "../../../shared/jobs/look/diff.ts";
import { impactOf, keepsForImpact } from "../../../shared/jobs/look/impact.ts";
import type { Impact } from "../../../shared/jobs/look/impact.ts";

async function impact(...changes: readonly (readonly [kind: Change["kind"], key: string, value?: string])[]): Promise<Impact> {
  async function* all(): AsyncGenerator<Change, void, undefined> {
    for (const [kind, key, value] of changes)
      yield { kind, key: Buffer.from(key), before: 1, after: 2, ...(value !== undefined && { value: Buffer.from(value) }) };
  }
  return impactOf({ counts: { added: 0, removed: 0, changed: 0, rewritten: 0, same: 0 }, isKept: false, changes: all() });
}

describe("what going back would undo", () => {
  test("is lost where it was made since, revived where it was deleted, and reverted where it was changed", async () => {
    const { counts, resources } = await impact(
      ["added", "/registry/pods/shop/new"],
      ["added", "/registry/pods/shop/newer"],
      ["removed", "/registry/pods/shop/old"],
      ["changed", "/registry/configmaps/shop/settings"],
      ["rewritten", "/registry/configmaps/shop/again"],
      ["added", "app/config"],
    );
    expect(counts).toEqual({ lost: 3, revived: 1, reverted: 1 });
    expect(resources).toEqual([
      { resource: "pods", lost: 2, revived: 1, reverted: 0, ownsOutside: false },
      { resource: "configmaps", lost: 0, revived: 0, reverted: 1, ownsOutside: false },
      { resource: undefined, lost: 1, revived: 0, reverted: 0, ownsOutside: false },
    ]);
  });

  test("puts what owns something outside first, however little of it there is", async () => {
    const { outside, resources } = await impact(
      ["added", "/registry/pods/shop/a"],
      ["added", "/registry/pods/shop/b"],
      ["removed", "/registry/minions/n2"],
      ["added", "/registry/persistentvolumes/pvc-1"],
      ["changed", "/registry/minions/n1"],
      ["removed", "/registry/cert-manager.io/certificates/shop/tls"],
    );
    expect(outside.map(({ effect, object }) => `${effect} ${object.resource} ${object.name}`)).toEqual([
      "lost persistentvolumes pvc-1",
      "revived nodes n2",
      "revived certificates.cert-manager.io tls",
    ]);
    expect(resources.map(({ resource }) => resource)).toEqual(["nodes", "persistentvolumes", "certificates.cert-manager.io", "pods"]);
  });

  test("has of services only load balancers, and those that cannot be read", async () => {
    const { outside } = await impact(
      ["added", "/registry/services/specs/shop/inside", "k8s\0...ClusterIP"],
      ["added", "/registry/services/specs/shop/outside", "k8s\0...LoadBalancer"],
      ["removed", "/registry/services/specs/shop/sealed", "k8s:enc:aescbc:v1:key1:xx"],
      ["removed", "/registry/services/specs/shop/unread"],
      ["removed", "/registry/services/endpoints/shop/outside", "LoadBalancer"],
    );
    expect(outside.map(({ object }) => object.name)).toEqual(["outside", "sealed", "unread"]);
    const key = Buffer.from("x/registry/services/specs/shop/a");
    expect(keepsForImpact(key, 1, key.length)).toBe(true);
    expect(keepsForImpact(key, 0, key.length)).toBe(false);
  });
});
