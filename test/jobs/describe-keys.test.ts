import { appendFile, chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeKeys } from "../../shared/jobs/describe-keys.ts";
import { LifeboatError } from "../../shared/errors.ts";
import type { KeyRing } from "../../shared/keys/key-ring.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { makeTestKeys } from "../support/vaults.ts";
import type { TestKeys } from "../support/vaults.ts";

const NONE = { snapshot: [], audit: [], bundle: [] };

let keys: TestKeys;
beforeEach(async () => {
  keys = await makeTestKeys();
});
afterEach(() => keys.remove());

const [OLD, ELSEWHERE] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`] as const;

test("every key is told with its trust, and nothing secret", async () => {
  const { snapshot, audit, bundle } = keys.trusted;
  const described = await describeKeys(keys.ring, keys.trusted);
  expect(described).toEqual({
    signing: [
      { purpose: "snapshot", fingerprint: snapshot[0], trusted: true },
      { purpose: "audit", fingerprint: audit[0], trusted: true },
      { purpose: "bundle", fingerprint: bundle[0], trusted: true },
    ],
    alsoTrusted: [],
    wrappingKey: await keys.ring.wrappingKey(),
    unusable: [],
  });
  expect(JSON.stringify(described)).not.toMatch(/SECRET|PRIVATE/i);
});

test("a key counts for its own purpose only, and others that are believed are told as well", async () => {
  const { snapshot, audit } = keys.trusted;
  const trusted = { snapshot: [OLD, ...snapshot], audit: snapshot, bundle: [ELSEWHERE] };
  const { signing, alsoTrusted } = await describeKeys(keys.ring, trusted);
  expect(signing.map(({ trusted: believed }) => believed)).toEqual([true, false, false]);
  expect(signing[1]?.fingerprint).toBe(audit[0]);
  expect(alsoTrusted).toEqual([
    { purpose: "snapshot", fingerprint: OLD },
    { purpose: "audit", fingerprint: snapshot[0] },
    { purpose: "bundle", fingerprint: ELSEWHERE },
  ]);
});

test("keys that are kept elsewhere are told as not here", async () => {
  const folder = join(keys.folder, "role");
  await mkdir(folder);
  await copyFile(join(keys.folder, "keys", "audit.key"), join(folder, "audit.key"));
  const { signing, wrappingKey } = await describeKeys(new LocalKeyRing(folder), keys.trusted);
  expect(signing.map(({ fingerprint }) => fingerprint)).toEqual([undefined, keys.trusted.audit[0], undefined]);
  expect(signing.map(({ trusted }) => trusted)).toEqual([false, true, false]);
  expect(wrappingKey).toBeUndefined();
  expect((await describeKeys(new LocalKeyRing(join(keys.folder, "nowhere")), NONE)).signing).toHaveLength(3);
});

test.each(["keys/denied", "keys/disabled", "keys/deleting"] as const)(
  "a key that answers %s is told, and the others are shown",
  async (code) => {
    const error = new LifeboatError(code, "no");
    const ring: KeyRing = {
      location: "elsewhere",
      wrap: (identity, context) => keys.ring.wrap(identity, context),
      isAtHand: () => true,
      unwrap: (wrapping, context) => keys.ring.unwrap(wrapping, context),
      sign: (...args) => keys.ring.sign(...args),
      signingKey: (purpose) => keys.ring.signingKey(purpose),
      publicKey: (purpose) => (purpose === "audit" ? Promise.reject(error) : keys.ring.publicKey(purpose)),
      wrappingKey: () => Promise.reject(error),
    };
    const { signing, wrappingKey, unusable } = await describeKeys(ring, keys.trusted);
    expect(signing.map(({ trusted }) => trusted)).toEqual([true, false, true]);
    expect([signing[1]?.fingerprint, wrappingKey]).toEqual([undefined, undefined]);
    expect(unusable).toEqual([
      { key: "audit", error },
      { key: "wrapping", error },
    ]);
  },
);

test("a key that is there and broken is not taken for one that is not", async () => {
  await appendFile(join(keys.folder, "keys", "wrapping.pub"), "garbage\n");
  expect(await failureOf(describeKeys(new LocalKeyRing(join(keys.folder, "keys")), NONE))).toMatchObject({ code: "keys/invalid" });
  await rm(join(keys.folder, "keys", "bundle.pub"));
  await writeFile(join(keys.folder, "keys", "bundle.pub"), "garbage");
  await chmod(join(keys.folder, "keys", "bundle.pub"), 0o644);
  expect(await failureOf(describeKeys(new LocalKeyRing(join(keys.folder, "keys")), NONE))).toMatchObject({
    code: "keys/invalid",
    message: saying("bundle.pub"),
  });
});
