import { afterAll, beforeAll, beforeEach } from "vitest";
import { makeTestKeys, newVault } from "./vaults.ts";
import type { TestKeys, TestVault } from "./vaults.ts";

/** What the tests of a file work with. Hooks fill it: there is nothing in it before the first test. */
export interface VaultInUse {
  readonly keys: TestKeys;
  readonly vault: TestVault;
}

/** Real keys for the tests of a file, made once, and an empty vault for each of them. */
export function useVault(): VaultInUse {
  const inUse = { keys: {} as TestKeys, vault: {} as TestVault };
  beforeAll(async () => {
    Object.assign(inUse.keys, await makeTestKeys());
  });
  afterAll(() => inUse.keys.remove());
  beforeEach(() => {
    Object.assign(inUse.vault, newVault(inUse.keys));
  });
  return inUse;
}

/** The same, where each test finds in its vault what `build` left in one: that is built once, and its objects and its time are copied. `built` is what `build` gave. */
export function useBuiltVault<T extends object>(build: (vault: TestVault) => Promise<T>): VaultInUse & { readonly built: T } {
  const inUse = { ...useVault(), built: {} as T };
  let first: TestVault;
  beforeAll(async () => {
    first = newVault(inUse.keys);
    Object.assign(inUse.built, await build(first));
  });
  beforeEach(() => {
    const { blobs, clock } = inUse.vault;
    for (const [key, kept] of first.blobs.objects) blobs.objects.set(key, kept);
    clock.advance(first.clock.monotonicMs());
  });
  return inUse;
}
