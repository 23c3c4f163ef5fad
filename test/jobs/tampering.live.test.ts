import { randomBytes } from "node:crypto";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runProgram } from "../../cli/program.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { verifyDeep, verifyShallow } from "../../shared/jobs/verify/verify.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import { failureOf, keys as keysIn } from "../support/blobs.ts";
import { payloadOf, rawEnvelope, signedBy, withPayload, withSignature } from "../support/envelopes.ts";
import { anyText, saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, makeTestKeys, newVault, oneMember, plant, rewrite, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** What somebody who can write to the store may try, and what verify says to it: by both levels, and as the exit code of the command. */

const ID = "20261121T100000Z";
const REF = `${CLUSTER}/${ID}`;
const KEY = manifestKey(CLUSTER, ID);
const OTHER = manifestKey(CLUSTER, "20261121T090000Z");
const ZEROS = `sha256:${"0".repeat(64)}`;

let keys: TestKeys;
let strangers: TestKeys;
let pristine: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly modified: Date }>;
let manifest: Manifest;
let vault: TestVault;
beforeAll(async () => {
  [keys, strangers] = [await makeTestKeys(), await makeTestKeys()];
  // Two snapshots whose data is of one size, so that size alone tells nothing. Random bytes do not compress, but for the little that a page has besides.
  for (let attempt = 0; ; attempt++) {
    vault = newVault(keys);
    const other = await backUp(vault, { slot: "2026-11-21T09:00:00Z", etcd: oneMember(100_000) });
    await backUp(vault, { cluster: "staging", slot: "2026-11-21T10:00:00Z" });
    ({ manifest } = await backUp(vault, { slot: "2026-11-21T10:00:00Z", etcd: oneMember(100_000) }));
    if (manifest.stored.bytes === other.manifest.stored.bytes) break;
    expect(attempt, "two snapshots of one stored size").toBeLessThan(50);
  }
  pristine = new Map(vault.blobs.objects);
});
afterAll(async () => {
  await keys.remove();
  await strangers.remove();
});
beforeEach(() => {
  vault = newVault(keys);
  for (const [key, kept] of pristine) vault.blobs.objects.set(key, kept);
});

const original = (): Buffer => bytesAt(vault, KEY);
const dataKey = (): string => sealedObject(manifest.stored).key;
const tamper = (change: (bytes: Buffer) => Uint8Array | string): void => plant(vault, KEY, change(original()));
const tamperData = (change: (bytes: Buffer) => Uint8Array): void => plant(vault, dataKey(), change(bytesAt(vault, dataKey())));
/** A manifest that our own key signed, and that is wrong. */
const rewritten = (change: (manifest: Manifest) => Partial<Manifest>): Promise<void> =>
  rewrite(vault, "snapshot", KEY, (document) => ({ ...document, ...change(document) }));

interface Attack {
  readonly name: string;
  readonly attack: () => void | Promise<void>;
  readonly code: string;
  readonly message: string;
  /** What the shallow level says, where it is not the same; null where only reading everything tells. */
  readonly shallow?: string | null;
}

const ATTACKS: readonly Attack[] = [
  {
    name: "a value in the payload",
    attack: () => tamper((bytes) => withPayload(bytes, payloadOf(bytes).replace('"revision":50', '"revision":51'))),
    code: "verify/signature",
    message: "its content is not what was signed",
  },
  {
    name: "a bit of the payload",
    attack: () => tamper((bytes) => withPayload(bytes, flipped(Buffer.from(payloadOf(bytes)), 1))),
    code: "verify/format",
    message: KEY,
  },
  {
    name: "a bit of the signature",
    attack: () => tamper((bytes) => withSignature(bytes, (each) => flipped(each, -1))),
    code: "verify/signature",
    message: KEY,
  },
  {
    name: "the signature of another manifest",
    attack: () => tamper((bytes) => JSON.stringify({ ...rawEnvelope(bytes), signatures: rawEnvelope(bytesAt(vault, OTHER)).signatures })),
    code: "verify/signature",
    message: KEY,
  },
  {
    name: "the signer's key",
    async attack() {
      const [ours, theirs] = [await keys.ring.publicKey("snapshot"), await strangers.ring.publicKey("snapshot")].map(({ spki }) =>
        Buffer.from(spki).toString("base64"),
      );
      tamper((bytes) => withPayload(bytes, payloadOf(bytes).replace(ours ?? "?", theirs ?? "?")));
    },
    code: "verify/signature",
    message: KEY,
  },
  {
    name: "the payload's type",
    attack: () =>
      tamper((bytes) => JSON.stringify({ ...rawEnvelope(bytes), payloadType: "application/vnd.etcd-lifeboat.lineage.v1+json" })),
    code: "verify/format",
    message: 'is of type "application/vnd.etcd-lifeboat.lineage.v1+json"',
  },
  {
    name: "the key id",
    attack: () =>
      tamper((bytes) => JSON.stringify({ ...rawEnvelope(bytes), signatures: [{ ...rawEnvelope(bytes).signatures[0], keyid: ZEROS }] })),
    code: "verify/format",
    message: "names another key",
  },
  {
    name: "a second signature",
    attack: () =>
      tamper((bytes) =>
        JSON.stringify({ ...rawEnvelope(bytes), signatures: [...rawEnvelope(bytes).signatures, ...rawEnvelope(bytes).signatures] }),
      ),
    code: "verify/format",
    message: "is not a signed envelope",
  },
  {
    name: "no signature",
    attack: () => tamper((bytes) => JSON.stringify({ ...rawEnvelope(bytes), signatures: [] })),
    code: "verify/format",
    message: KEY,
  },
  {
    name: "half a manifest",
    attack: () => tamper((bytes) => bytes.subarray(0, bytes.length >> 1)),
    code: "verify/format",
    message: "is not JSON",
  },
  { name: "an empty manifest", attack: () => tamper(() => ""), code: "verify/format", message: "is not JSON" },
  {
    name: "a manifest that is not UTF-8",
    attack: () => tamper(() => Buffer.from([0xff, 0xfe])),
    code: "verify/format",
    message: "is not JSON",
  },
  {
    name: "a manifest without end",
    attack: () => tamper((bytes) => Buffer.concat([bytes, Buffer.alloc(1 << 20, " ")])),
    code: "verify/size",
    message: "is larger than 1048576 bytes",
  },
  {
    name: "the manifest of another snapshot",
    attack: () => plant(vault, KEY, bytesAt(vault, OTHER)),
    code: "verify/format",
    message: "holds a document of snapshot 20261121T090000Z",
  },
  {
    name: "the manifest of another cluster",
    attack: () => plant(vault, KEY, bytesAt(vault, manifestKey("staging", ID))),
    code: "verify/format",
    message: "holds a document of cluster staging",
  },
  {
    name: "a lineage",
    attack: () => plant(vault, KEY, bytesAt(vault, "clusters/prod/lineage/1.json")),
    code: "verify/format",
    message: "is of type",
  },
  {
    name: "a manifest signed by the audit key",
    attack: async () => plant(vault, KEY, await signedBy(keys.ring, "audit", manifest)),
    code: "verify/untrusted",
    message: "which is not trusted for purpose snapshot",
  },
  {
    name: "a manifest signed by a stranger",
    attack: async () => plant(vault, KEY, await signedBy(strangers.ring, "snapshot", manifest)),
    code: "verify/untrusted",
    message: "which is not trusted for purpose snapshot",
  },
  {
    name: "a manifest of format version 2",
    attack: async () => plant(vault, KEY, await signedBy(keys.ring, "snapshot", { ...manifest, formatVersion: 2 })),
    code: "verify/format",
    message: "has format version 2",
  },
  ...[0, 100, 10_000, 65_000, 99_000, -1].map((offset) => ({
    name: `byte ${offset} of the data`,
    attack: () => tamperData((bytes) => flipped(bytes, offset)),
    code: "verify/checksum",
    message: "its manifest says",
  })),
  {
    name: "data that lacks a byte",
    attack: () => tamperData((bytes) => bytes.subarray(0, -1)),
    code: "verify/size",
    message: "its manifest says",
  },
  {
    name: "data with a byte more",
    attack: () => tamperData((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
    code: "verify/size",
    message: "its manifest says",
  },
  { name: "no data", attack: () => tamperData(() => Buffer.alloc(0)), code: "verify/size", message: "has 0 bytes" },
  { name: "data that is gone", attack: () => void vault.blobs.objects.delete(dataKey()), code: "verify/missing", message: "is not in" },
  {
    name: "the data of another snapshot",
    attack: () => tamperData(() => bytesAt(vault, keyOfData("20261121T090000Z"))),
    code: "verify/checksum",
    message: "its manifest says",
  },
  {
    name: "random data of the same size",
    attack: () => tamperData((bytes) => randomBytes(bytes.length)),
    code: "verify/checksum",
    message: "its manifest says",
  },
  {
    name: "a rightly signed manifest that names another's data",
    attack: () => rewritten((document) => ({ stored: { ...sealedObject(document.stored), key: keyOfData("20261121T090000Z") } })),
    code: "verify/format",
    message: "it is not the key of this snapshot's own data",
  },
  {
    name: "a rightly signed manifest with another stored digest",
    attack: () => rewritten((document) => ({ stored: { ...sealedObject(document.stored), sha256: ZEROS } })),
    code: "verify/digest",
    message: `its manifest says ${ZEROS}`,
    shallow: null,
  },
  {
    name: "a rightly signed manifest with another snapshot digest",
    attack: () => rewritten((document) => ({ snapshot: { ...document.snapshot, sha256: ZEROS } })),
    code: "verify/digest",
    message: `opens to content with digest`,
    shallow: null,
  },
  {
    name: "a rightly signed manifest with another snapshot size",
    attack: () => rewritten((document) => ({ snapshot: { ...document.snapshot, bytes: document.snapshot.bytes - 1 } })),
    code: "verify/size",
    message: "its manifest says",
    shallow: null,
  },
  {
    name: "a rightly signed manifest with another hash of the content",
    attack: () => rewritten((document) => ({ content: { ...document.content, hash: 7 } })),
    code: "verify/content",
    message: "holds content whose hash is",
    shallow: null,
  },
  {
    name: "a rightly signed manifest with another number of keys",
    attack: () => rewritten((document) => ({ content: { ...document.content, keys: { revisions: 1, live: 7 } } })),
    code: "verify/content",
    message: "holds content whose number of keys is 1; its manifest says 7",
    shallow: null,
  },
  {
    name: "a rightly signed manifest that calls the content broken",
    attack: () => rewritten(() => ({ content: { tree: "tree/meta", message: "no valid meta page" } })),
    code: "verify/content",
    message: "holds content whose tree is whole; its manifest says tree/meta",
    shallow: null,
  },
  {
    name: "a rightly signed manifest with a vote that the content does not bear out",
    attack: () =>
      rewritten(({ proof }) => ({
        proof: { ...proof, members: proof.members.map((each) => (each.answer === "agrees" ? { ...each, hash: 7 } : each)) },
      })),
    code: "verify/content",
    message: "has another HashKV at revision 50 than its manifest says that m1 confirmed",
    shallow: null,
  },
  {
    name: "a rightly signed manifest that is called proven without votes",
    attack: () => rewritten(({ proof }) => ({ proof: { ...proof, members: [] } })),
    code: "verify/content",
    message: "says that it is proven, and the votes in its manifest do not show that",
    shallow: null,
  },
  {
    name: "a rightly signed manifest with another trailer",
    attack: () => rewritten((document) => ({ snapshot: { ...document.snapshot, trailer: ZEROS } })),
    code: "verify/trailer",
    message: "does not match etcd's own trailer",
    shallow: null,
  },
  {
    name: "a rightly signed manifest with the wrapping of another snapshot",
    attack: () =>
      rewritten((document) => {
        const stored = sealedObject(document.stored);
        return {
          stored: { ...stored, encryption: { ...stored.encryption, wrappings: sealedOf("20261121T090000Z").encryption.wrappings } },
        };
      }),
    code: "verify/sealed",
    message: "belongs to another snapshot",
    shallow: null,
  },
];

function sealedOf(id: string): ReturnType<typeof sealedObject> {
  // Pristine, hence what backUp signed.
  return sealedObject((JSON.parse(payloadOf(bytesAt(vault, manifestKey(CLUSTER, id)))) as Manifest).stored);
}

function keyOfData(id: string): string {
  return sealedOf(id).key;
}

test("untouched, it holds by both levels", async () => {
  await verifyShallow(vault, REF);
  await verifyDeep(vault, REF);
  expect(await commandLine(["verify", REF, "--deep"])).toMatchObject({ exitCode: 0, json: { good: true } });
});

describe("verify notices", () => {
  test.each(ATTACKS)("$name", async ({ attack, code, message, shallow = code }) => {
    await attack();
    const first = verifyShallow(vault, REF);
    if (shallow === null) await first;
    else expect(await failureOf(first)).toMatchObject({ code: shallow, message: saying(message) });
    expect(await failureOf(verifyDeep(vault, REF))).toMatchObject({ code, message: saying(message), retryable: false });
    // Nobody vouches for what does not hold.
    expect(await keysIn(vault.blobs, "clusters/prod/verified/")).toEqual([]);
  });
});

test("also where the store claims the checksum that the manifest names", async () => {
  const { crc32, bytes } = sealedObject(manifest.stored);
  const codes = new Set<unknown>();
  vault.blobs.checksum = () => Promise.resolve(Number.parseInt(crc32, 16));
  for (const offset of [0, 30, 150, 300, 5_000, 70_000, bytes - 1]) {
    plant(vault, dataKey(), flipped(pristine.get(dataKey())?.bytes ?? Buffer.alloc(0), offset));
    await verifyShallow(vault, REF);
    const failure = await failureOf(verifyDeep(vault, REF));
    expect(failure, `byte ${offset}`).toMatchObject({ code: saying("verify/") });
    if ("code" in failure) codes.add(failure.code);
  }
  expect(codes).toEqual(new Set(["verify/digest", "verify/sealed"]));
  expect(await keysIn(vault.blobs, "clusters/prod/verified/")).toEqual([]);
});

describe("the command ends with 4 and says why", () => {
  test.each(ATTACKS)("$name", async ({ attack, code, message }) => {
    await attack();
    const { exitCode, json, stderr } = await commandLine(["verify", REF, "--deep"]);
    expect(json).toMatchObject({ error: { code, exitCode: 4 } });
    expect(exitCode).toBe(4);
    expect(stderr).toContain(message);
  });
});

test("an export of what was altered ends with 4 as well, and leaves no file", async () => {
  tamperData((bytes) => flipped(bytes, 5000));
  const out = join(keys.folder, "exported.db");
  expect(await commandLine(["export", REF, "--unverified", "--out", out])).toMatchObject({
    exitCode: 4,
    json: { error: { code: saying("verify/"), hint: anyText } },
  });
  await expect(writeFile(out, "free", { flag: "wx" })).resolves.toBeUndefined();
});

let vaults = 0;

/** Runs the command line on the vault, written to a folder. */
async function commandLine(
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly json: unknown; readonly stderr: string }> {
  vaults += 1;
  const folder = join(keys.folder, `vault-${vaults}`);
  for (const [key, { bytes, modified }] of vault.blobs.objects) {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    // As with `cp -p`: a store that is newer than its snapshots say is refused before they are countersigned.
    await utimes(path, modified, modified);
  }
  const file = join(keys.folder, `lifeboat-${vaults}.yaml`);
  await writeFile(
    file,
    JSON.stringify({
      version: 1,
      store: { kind: "directory", path: folder },
      keys: { kind: "local", path: "keys" },
      trustedKeys: keys.trusted,
      clusters: {},
    }),
  );
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = {};
  const exitCode = await runProgram(
    [...args, "--json", "--config", file],
    { stdout, stderr, environment, cwd: keys.folder, clock: systemClock, signal: new AbortController().signal },
    { clock: systemClock, randomBytes, environment, runtimeFolder: keys.folder, stateFolder: undefined },
  );
  const printed: unknown = JSON.parse(String(stdout.read()));
  return { exitCode, json: printed, stderr: String(stderr.read()) };
}
