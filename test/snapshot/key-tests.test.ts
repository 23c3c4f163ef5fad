import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isGlob, keyBeginsWith, keyFits, keyIs } from "../../shared/snapshot/key-tests.ts";
import type { KeyTest } from "../../shared/snapshot/key-tests.ts";
import { keyIsIn, keyNames, objectNameOf, parseObjectName } from "../../shared/snapshot/object-names.ts";

/** Asked where it lies inside other bytes, as keys do. */
function asks(isWanted: KeyTest, key: string | Uint8Array): boolean {
  const bytes = Buffer.concat([Buffer.from("/a"), Buffer.from(key), Buffer.from("/a")]);
  return isWanted(bytes, 2, bytes.length - 2);
}

describe("a key", () => {
  test("is itself, and begins with each of its beginnings, whatever its bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (key, other) => {
        expect(asks(keyIs(key), key)).toBe(true);
        expect(asks(keyIs(other), key)).toBe(Buffer.from(other).equals(Buffer.from(key)));
        expect(asks(keyBeginsWith(key.slice(0, other.length)), key)).toBe(true);
        expect(asks(keyBeginsWith(other), key)).toBe(Buffer.from(key.slice(0, other.length)).equals(Buffer.from(other)));
      }),
    );
  });

  test.each<[string, string, boolean]>([
    ["/registry/pods/*/web-*", "/registry/pods/shop/web-1", true],
    ["/registry/pods/*/web-*", "/registry/pods/shop/db-1", false],
    ["/registry/*/web", "/registry/pods/shop/web", false],
    ["/registry/**/web", "/registry/pods/shop/web", true],
    ["**web", "/registry/pods/shop/web", true],
    ["/a?c", "/abc", true],
    ["/a?c", "/a/c", false],
    ["/a?c", "/abcd", false],
    ["/a.c*", "/abc", false],
    ["/ä*", "/äö", true],
    ["*", "", true],
    ["**", "line\nline", true],
  ])("%s: %j fits: %s", (glob, key, fits) => {
    expect(isGlob(glob)).toBe(true);
    expect(asks(keyFits(glob), key)).toBe(fits);
  });
});

describe("a key of Kubernetes", () => {
  test.each<[string, ReturnType<typeof objectNameOf>]>([
    ["/registry/pods/shop/web", { resource: "pods", namespace: "shop", name: "web" }],
    ["/registry/minions/n1", { resource: "nodes", namespace: undefined, name: "n1" }],
    ["/registry/services/specs/shop/web", { resource: "services", namespace: "shop", name: "web" }],
    ["/registry/services/endpoints/shop/web", { resource: "endpoints", namespace: "shop", name: "web" }],
    [
      "/registry/apiregistration.k8s.io/apiservices/v1.apps",
      { resource: "apiservices.apiregistration.k8s.io", namespace: undefined, name: "v1.apps" },
    ],
    ["/registry/cert-manager.io/certificates/shop/tls", { resource: "certificates.cert-manager.io", namespace: "shop", name: "tls" }],
    ["/kubernetes.io/secrets/shop/db", { resource: "secrets", namespace: "shop", name: "db" }],
    ["/registry/pods/shop/web/more", undefined],
    ["/registry/pods/shop/", undefined],
    ["/registry/pods", undefined],
    ["registry/pods/shop/web", undefined],
    ["/other/pods/shop/web", undefined],
  ])("%s", (key, name) => expect(objectNameOf(key)).toEqual(name));

  test.each<[string, string, boolean]>([
    ["pods/shop/web", "/registry/pods/shop/web", true],
    ["pod/shop/web", "/registry/pods/shop/web", true],
    ["po/shop/web", "/registry/pods/shop/web", true],
    ["pods/shop/web", "/registry/pods/shop/web2", false],
    ["pods/shop/web", "/registry/pods/workshop/web", false],
    ["pods/web", "/registry/pods/shop/web", false],
    ["nodes/n1", "/registry/minions/n1", true],
    ["deployments.apps/shop/web", "/registry/deployments/shop/web", true],
    ["ingress/shop/web", "/registry/ingress/shop/web", true],
    ["ing/shop/web", "/registry/ingress/shop/web", true],
    ["networkpolicy/shop/web", "/registry/networkpolicies/shop/web", true],
    ["Certificates/shop/tls", "/registry/cert-manager.io/certificates/shop/tls", true],
    ["certificates.cert-manager.io/shop/tls", "/registry/cert-manager.io/certificates/shop/tls", true],
    ["certificates.example.com/shop/tls", "/registry/cert-manager.io/certificates/shop/tls", false],
    ["endpoints/shop/web", "/registry/services/specs/shop/web", false],
  ])("%s names %s: %s", (text, key, names) => {
    const wanted = parseObjectName(text);
    if (wanted === undefined) throw new Error("it has no such form");
    expect(asks(keyNames(wanted), key)).toBe(names);
  });

  test.each(["", "pods", "/registry/pods/a/b", "a/b/c/d", "pods//web", "pods/"])("%j is no name of an object", (text) =>
    expect(parseObjectName(text)).toBeUndefined(),
  );

  test.each<[string, boolean]>([
    ["/registry/pods/shop/web", true],
    ["/registry/services/specs/shop/web", true],
    ["/registry/cert-manager.io/certificates/shop/tls", true],
    ["/registry/namespaces/shop", true],
    ["/registry/persistentvolumes/shop", false],
    ["/registry/pods/workshop/shop", false],
    ["/registry/pods/shop2/web", false],
    ["shop", false],
  ])("%s is in the namespace shop: %s", (key, isIn) => expect(asks(keyIsIn("shop"), key)).toBe(isIn));
});
