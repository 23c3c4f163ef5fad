import { beforeEach, describe, expect, test } from "vitest";
import { intakeKey, nodeFilesDataKey, nodeFilesKey } from "../../../shared/documents/layout.ts";
import { verifyCustody } from "../../../shared/jobs/audit/custody.ts";
import { addSet } from "../../../shared/jobs/node-files/add.ts";
import type { Added } from "../../../shared/jobs/node-files/add.ts";
import { IntakeIdentities } from "../../../shared/jobs/node-files/identities.ts";
import { addInbox, clustersInInbox } from "../../../shared/jobs/node-files/inbox.ts";
import type { InboxResult } from "../../../shared/jobs/node-files/inbox.ts";
import { useIntake } from "../../../shared/jobs/node-files/intake.ts";
import { openSet } from "../../../shared/jobs/node-files/open-set.ts";
import { storedKeys } from "../../../shared/jobs/node-files/stored-keys.ts";
import type { StoredKeys } from "../../../shared/jobs/node-files/stored-keys.ts";
import type { NodeFilesPorts } from "../../../shared/jobs/node-files/ports.ts";
import { encryptSmall } from "../../../shared/seal/age.ts";
import { readNodeFilesAt } from "../../../shared/vault/node-files/sets.ts";
import { whole } from "../../seal/streams.ts";
import { failureOf, inChunks } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { CA, ENCRYPTION_CONFIG, FOLDERS, headEntry, tarOf } from "../../support/node-set.ts";
import type { Entry } from "../../support/node-set.ts";
import { useVault } from "../../support/use-vault.ts";
import { bytesAt, CLUSTER, custodyOf, plant } from "../../support/vaults.ts";

const { vault, keys } = useVault();
let ports: NodeFilesPorts;
let recipient: string;
beforeEach(async () => {
  ports = { ...vault, storeKeys: { keys: vault.keys }, breakGlass: [keys.breakGlass.recipient], recipients: [] };
  vault.clock.advance(Date.parse("2026-11-21T12:00:00Z") - vault.clock.now().getTime());
  ({
    found: {
      intake: { recipient },
    },
  } = await useIntake(ports, { cluster: CLUSTER, renew: false }));
});

const tar = (time: string, node = "node-a", more: readonly Entry[] = [CA, ENCRYPTION_CONFIG]): Buffer =>
  tarOf([headEntry({ node, time }), ...FOLDERS, ...more]);
const sealed = (bytes: Uint8Array, to = recipient): Promise<Uint8Array> => encryptSmall([to], bytes);

async function add(bytes: Uint8Array, node = "node-a"): Promise<Added> {
  const source = { what: "x.age", open: () => inChunks(bytes, [1000]) };
  return addSet(ports, new IntakeIdentities(ports, CLUSTER), { cluster: CLUSTER, node, source });
}

async function findings(): Promise<readonly unknown[]> {
  return (await verifyCustody(vault, CLUSTER, { onRecord: () => undefined })).findings;
}

const ID = "20261121T110000Z";
const TIME = "2026-11-21T11:00:00Z";

describe("the intake", () => {
  test("is made once, and anew where that is wanted; the log has its recipient", async () => {
    expect(await useIntake(ports, { cluster: CLUSTER, renew: false })).toMatchObject({
      outcome: "there",
      found: { intake: { recipient, number: 1 } },
    });
    const second = await useIntake(ports, { cluster: CLUSTER, renew: true });
    expect(second).toMatchObject({ outcome: "made", found: { intake: { number: 2 } }, before: { intake: { number: 1 } } });
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "intake",
      subjects: [{ key: intakeKey(CLUSTER, 2) }],
      details: { intake: { number: 2, recipient: second.found.intake.recipient } },
    });
    expect(await findings()).toEqual([]);
  });

  test("is made above what somebody planted under the last number", async () => {
    plant(vault, intakeKey(CLUSTER, 999_999), "{}");
    plant(vault, intakeKey(CLUSTER, 2), "{}");
    expect(await useIntake(ports, { cluster: CLUSTER, renew: true })).toMatchObject({
      found: { intake: { number: 3 } },
      faults: [{ code: "verify/format" }, { code: "verify/format" }],
    });
  });
});

describe("a set", () => {
  test("is stored as it is, and its document says what is in it; nothing of it is a secret", async () => {
    const bytes = await sealed(tar(TIME));
    const { outcome, found, newer } = await add(bytes);
    expect([outcome, newer]).toEqual(["added", undefined]);
    expect(found.document).toMatchObject({
      node: "node-a",
      id: ID,
      collectedAt: "2026-11-21T11:00:00.000Z",
      intake: 1,
      data: { key: nodeFilesDataKey(CLUSTER, "node-a", ID), bytes: bytes.length },
      tar: { bytes: 10_240, entries: 6 },
      files: [{ path: "/etc/kubernetes/pki/ca.crt", bytes: 14, mode: "0644" }, { path: "/etc/kubernetes/enc/enc.yaml" }],
      encryptionKeys: [{ kind: "aescbc", name: "key1" }],
    });
    expect(bytesAt(vault, found.document.data.key).equals(bytes)).toBe(true);
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "node-files",
      subjects: [{ key: found.key }, { key: found.document.data.key, digest: found.document.data.digest, bytes: bytes.length }],
    });
    expect(await findings()).toEqual([]);
    for (const identities of [undefined, [keys.breakGlass.identity]]) {
      const plain = await openSet(ports, found, { identities });
      expect((await whole(plain())).equals(tar(TIME))).toBe(true);
    }
  });

  test("is added once; another of that time is refused, and one older than the newest is told", async () => {
    const bytes = await sealed(tar(TIME));
    await add(bytes);
    const records = custodyOf(vault).length;
    expect(await add(bytes)).toMatchObject({ outcome: "already", found: { document: { id: ID } } });
    expect(custodyOf(vault).length).toBe(records);
    // The same files, encrypted once more.
    expect(await failureOf(add(await sealed(tar(TIME))))).toMatchObject({
      code: "verify/digest",
      message: saying("is not what stands there"),
    });
    expect(await add(await sealed(tar("2026-11-20T11:00:00Z")))).toMatchObject({ outcome: "added", newer: { document: { id: ID } } });
    expect(await findings()).toEqual([]);
  });

  test("opens by the intake that it was encrypted to, after another was made", async () => {
    await useIntake(ports, { cluster: CLUSTER, renew: true });
    const { found } = await add(await sealed(tar(TIME)));
    expect(found.document.intake).toBe(1);
    await openSet(ports, found);
  });

  test.each<[string, string, () => Promise<Uint8Array>]>([
    ["is for somebody else", "keys/no-match", () => sealed(tar(TIME), keys.breakGlass.recipient)],
    ["is no age file", "verify/sealed", () => Promise.resolve(tar(TIME))],
    ["is of another node", "verify/format", () => sealed(tar(TIME, "node-b"))],
    ["is no tar", "verify/format", () => sealed(Buffer.from("hello"))],
    ["has a link", "verify/format", () => sealed(tar(TIME, "node-a", [{ name: "files/a", type: "2", link: "/etc/shadow" }]))],
    ["is cut", "verify/sealed", async () => (await sealed(tar(TIME))).subarray(0, 5000)],
    [
      "was altered at its end",
      "verify/sealed",
      async () => {
        const bytes = await sealed(tar(TIME));
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        return bytes;
      },
    ],
    ["is of tomorrow", "verify/times", () => sealed(tar("2026-11-22T11:00:00Z"))],
  ])("that %s is refused, and nothing was written", async (_, code, make) => {
    const before = [...vault.blobs.objects.keys()];
    expect(await failureOf(add(await make()))).toMatchObject({ code });
    expect([...vault.blobs.objects.keys()]).toEqual(before);
  });

  test("that changes between the two readings is not stored", async () => {
    const two = [await sealed(tar(TIME)), await sealed(tar(TIME))];
    const source = { what: "x.age", open: () => inChunks(two.shift() ?? Buffer.alloc(0), [1000]) };
    const before = [...vault.blobs.objects.keys()];
    const adding = addSet(ports, new IntakeIdentities(ports, CLUSTER), { cluster: CLUSTER, node: "node-a", source });
    expect(await failureOf(adding)).toMatchObject({ code: "input/changed" });
    expect([...vault.blobs.objects.keys()]).toEqual(before);
  });

  test("whose data a run left that died is taken up; somebody else's is refused", async () => {
    const bytes = await sealed(tar(TIME));
    plant(vault, nodeFilesDataKey(CLUSTER, "node-a", ID), bytes);
    expect(await add(bytes)).toMatchObject({ outcome: "added" });
    plant(vault, nodeFilesDataKey(CLUSTER, "node-a", "20261121T111500Z"), "else");
    expect(await failureOf(add(await sealed(tar("2026-11-21T11:15:00Z"))))).toMatchObject({ code: "verify/digest" });
    expect(await readNodeFilesAt(vault, CLUSTER, "node-a", "20261121T111500Z")).toBeUndefined();
  });

  test("whose data is gone or another is found by the custody log, or when it is opened", async () => {
    const { found } = await add(await sealed(tar(TIME)));
    const { key } = found.document.data;
    plant(vault, key, Buffer.from(bytesAt(vault, key)).fill(7, 300, 400));
    expect(await failureOf(openSet(ports, found))).toMatchObject({ code: "verify/digest" });
    plant(vault, key, await sealed(tar(TIME)));
    expect(await failureOf(openSet(ports, found))).toMatchObject({ code: "verify/digest", message: saying("not what was signed") });
    vault.blobs.objects.delete(key);
    expect(await failureOf(openSet(ports, found))).toMatchObject({ code: "verify/missing" });
    expect(await findings()).toMatchObject([{ code: "custody/gone", subject: key }]);
    vault.blobs.objects.delete(nodeFilesKey(CLUSTER, "node-a", ID));
    expect(await findings()).toMatchObject([{ code: "custody/announced-absence" }]);
  });
});

describe("the inbox", () => {
  const inbox = (): Promise<InboxResult> => addInbox(ports, { clusters: [CLUSTER] });

  test("gives what is whole, refuses the rest one by one, and is not looked at twice", async () => {
    plant(vault, "inbox/prod/node-a/1.age", await sealed(tar(TIME)));
    plant(vault, "inbox/prod/node-a/2.age", "no age file");
    plant(vault, "inbox/prod/node-b/1.age", await sealed(tar(TIME)));
    plant(vault, "inbox/prod/node-c/x.txt", "hello");
    plant(vault, "inbox/staging/node-a/1.age", "whatever");
    expect(await clustersInInbox(ports, [CLUSTER, "other"])).toEqual([CLUSTER]);
    const first = await inbox();
    expect(first.added).toMatchObject([
      { inboxKey: "inbox/prod/node-a/1.age", found: { document: { id: ID, inbox: { key: "inbox/prod/node-a/1.age" } } } },
    ]);
    expect(first.refused.map(({ key, error }) => [key, error.code])).toEqual([
      ["inbox/prod/node-c/x.txt", "verify/format"],
      ["inbox/prod/node-a/2.age", "verify/sealed"],
      ["inbox/prod/node-b/1.age", "verify/format"],
    ]);
    expect(await inbox()).toMatchObject({ added: [], before: 1, refused: { length: 3 } });
    expect(await findings()).toEqual([]);
  });

  test("of a node that nobody named is refused, where any is named", async () => {
    ports = { ...ports, recipients: ["node-b"] };
    plant(vault, "inbox/prod/node-a/1.age", await sealed(tar(TIME)));
    const { added, refused } = await inbox();
    expect(added).toEqual([]);
    expect(refused).toMatchObject([{ error: { code: "config/not-found", message: saying("there is node-b") } }]);
  });

  test("that a node fills is read in part, the newest first", async () => {
    for (let minute = 10; minute < 30; minute++) {
      plant(vault, `inbox/prod/node-a/${minute}.age`, await sealed(tar(`2026-11-21T11:${minute}:00Z`)));
      vault.clock.advance(1000);
    }
    const { added, passedOver } = await inbox();
    expect(added.map(({ found: { document } }) => document.id)).toEqual(
      Array.from({ length: 16 }, (_, index) => `20261121T11${14 + index}00Z`),
    );
    expect([...passedOver]).toEqual([["prod/node-a", 4]]);
  });

  test("that holds something larger than any set leaves it unread", async () => {
    plant(vault, "inbox/prod/node-a/1.age", Buffer.alloc(65 << 20));
    expect((await inbox()).refused).toMatchObject([{ error: { code: "verify/size" } }]);
  });
});

describe("the keys of an EncryptionConfiguration", () => {
  const config = (...named: readonly (readonly [name: string, byte: number])[]): readonly Entry[] => [
    CA,
    {
      ...ENCRYPTION_CONFIG,
      content: JSON.stringify({
        kind: "EncryptionConfiguration",
        resources: [
          {
            resources: ["secrets"],
            providers: [{ aesgcm: { keys: named.map(([name, byte]) => ({ name, secret: Buffer.alloc(32, byte).toString("base64") })) } }],
          },
        ],
      }),
    },
  ];
  const addOf = async (node: string, time: string, entries: readonly Entry[]): Promise<Added> =>
    add(await sealed(tar(time, node, entries)), node);
  const at = (time: string, node?: string): Promise<StoredKeys> => storedKeys(ports, { cluster: CLUSTER, node, at: new Date(time) });
  const short = ({ keys: found }: StoredKeys): readonly unknown[] => found.map(({ name, secret }) => [name, secret[0]]);

  test("are those of the newest set at or before a snapshot, and others of the oldest after it", async () => {
    await addOf("node-a", "2026-11-19T11:00:00Z", config(["old", 1], ["mine", 2]));
    await addOf("node-a", "2026-11-20T11:00:00Z", config(["mine", 3]));
    await addOf("node-a", "2026-11-21T10:00:00Z", config(["mine", 4], ["new", 5]));
    await addOf("node-a", "2026-11-21T11:00:00Z", config(["new", 6]));
    // What is nearest goes first: the first that fits is tried first.
    expect(short(await at("2026-11-20T11:00:00Z"))).toEqual([
      ["mine", 3],
      ["old", 1],
      ["mine", 2],
      ["mine", 4],
      ["new", 5],
    ]);
    expect(short(await at("2026-11-18T11:00:00Z"))).toEqual([
      ["old", 1],
      ["mine", 2],
      ["mine", 4],
      ["new", 5],
    ]);
    expect((await at("2026-11-20T11:00:00Z")).keys[0]?.file).toBe("/etc/kubernetes/enc/enc.yaml of prod/node-a@20261120T110000Z");
  });

  test("are asked of every node, or of one; of a set that does not hold none is taken, and it is told", async () => {
    await addOf("node-a", TIME, config(["key1", 1]));
    const { found } = await addOf("node-b", TIME, config(["key1", 2]));
    expect(short(await at(TIME))).toEqual([
      ["key1", 1],
      ["key1", 2],
    ]);
    expect(short(await at(TIME, "node-b"))).toEqual([["key1", 2]]);
    plant(vault, found.document.data.key, Buffer.from(bytesAt(vault, found.document.data.key)).fill(7, 300, 400));
    expect(await at(TIME)).toMatchObject({ keys: [{ name: "key1" }], faults: [{ code: "verify/digest" }] });
    expect(await failureOf(at(TIME, "node-b"))).toMatchObject({ code: "verify/digest" });
  });

  test("that no node has are told so", async () => {
    expect(await failureOf(at(TIME))).toMatchObject({ code: "ref/not-found", message: saying("there are no node files of prod") });
    await addOf("node-a", TIME, [CA]);
    expect(await failureOf(at(TIME))).toMatchObject({ code: "ref/not-found", message: saying("hold an EncryptionConfiguration") });
    expect(await failureOf(at(TIME, "node-b"))).toMatchObject({ message: saying("there are no node files of prod/node-b") });
  });
});
