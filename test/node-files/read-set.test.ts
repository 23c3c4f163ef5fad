import { expect, test } from "vitest";
import { EncryptionKeys, mayBeEncryptionConfig } from "../../shared/node-files/encryption-keys.ts";
import { MAX_SEALED_BYTES, MAX_SET_BYTES } from "../../shared/node-files/limits.ts";
import { readNodeFileSet } from "../../shared/node-files/read-set.ts";
import type { NodeFileSet } from "../../shared/node-files/read-set.ts";
import { isLifeboatError } from "../../shared/errors.ts";
import { CA, COLLECTED_AT, ENCRYPTION_CONFIG, entryBytes, FOLDERS, headEntry, SET, tarOf } from "../support/node-set.ts";
import type { Entry } from "../support/node-set.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const EXPECTED = { cluster: "prod", node: "node-a" };

// oxlint-disable-next-line require-await -- an async iterable of what is in memory
async function* inPieces(bytes: Uint8Array, length = bytes.length): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += Math.max(1, length)) yield bytes.subarray(at, at + length);
}

function read(bytes: Uint8Array, pieces?: number): Promise<NodeFileSet> {
  return readNodeFileSet(inPieces(bytes, pieces), { what: "x.age", expected: EXPECTED });
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error: unknown = await read(bytes).catch((thrown: unknown) => thrown);
  if (isLifeboatError(error, "verify/format")) return error.message;
  throw new Error("it was not refused", { cause: error });
}

test.each([1, 3, 511, 512, 513, 4096, 1 << 20])("a set is read in pieces of %i bytes", async (pieces) => {
  const bytes = tarOf(SET);
  expect(await read(bytes, pieces)).toEqual({
    ...EXPECTED,
    collectedAt: new Date(COLLECTED_AT),
    files: [
      { path: "/etc/kubernetes/pki/ca.crt", bytes: 14, mode: 0o644 },
      { path: "/etc/kubernetes/enc/enc.yaml", bytes: Buffer.byteLength(ENCRYPTION_CONFIG.content ?? ""), mode: 0o600 },
    ],
    tar: { bytes: bytes.length, entries: SET.length },
  });
});

test("the content of a file that is wanted is given, and the names of the keys in an EncryptionConfiguration are found", async () => {
  const keys = new EncryptionKeys();
  const word: Entry = { name: "files/notes", content: "kind: EncryptionConfiguration is in enc.yaml" };
  await readNodeFileSet(inPieces(tarOf([...SET, word]), 700), {
    what: "x.age",
    wants: mayBeEncryptionConfig,
    take: (file, content) => keys.add(file, content),
  });
  expect(keys.found).toEqual([{ kind: "aescbc", name: "key1" }]);
});

test("a name of two parts is one, and may be in UTF-8", async () => {
  const { files } = await read(tarOf([headEntry(), { name: "ca.crt", prefix: "files/etc/Überall" }]));
  expect(files).toMatchObject([{ path: "/etc/Überall/ca.crt" }]);
});

const file = (name: string, more: Partial<Entry> = {}): readonly Entry[] => [headEntry(), { name: `files/${name}`, ...more }];

test.each<[string, RegExp, readonly Entry[]]>([
  ["no first entry", /first entry is "files\/etc\/kubernetes\/pki\/ca.crt"/, [CA]],
  ["a first entry that is a folder", /first entry is "node-files"/, [{ name: "node-files", type: "5" }, CA]],
  ["a first entry of 5 KiB", /first entry has 5120 bytes/, [{ name: "node-files", content: "A=1\n".repeat(1280) }, CA]],
  ["a first entry that is no lines", /not KEY=value lines/, [{ name: "node-files", content: "hello" }, CA]],
  ["a later version", /of version 2/, [headEntry({ version: "2" }), CA]],
  ["another cluster", /it is of staging\/node-a, and it was given for prod\/node-a/, [headEntry({ cluster: "staging" }), CA]],
  ["another node", /it is of prod\/node-b/, [headEntry({ node: "node-b" }), CA]],
  ["a node that is no name", /names no node/, [headEntry({ node: "../x" }), CA]],
  ["a cluster that is no name", /names no cluster/, [headEntry({ cluster: "" }), CA]],
  ["no time", /when it was collected/, [headEntry({ time: "yesterday" }), CA]],
  ["a day that is none", /when it was collected/, [headEntry({ time: "2026-02-31T00:00:00Z" }), CA]],
  ["no files", /it has no files/, [headEntry(), ...FOLDERS]],
  ["a symbolic link", /is a symbolic link/, file("a", { type: "2", link: "/etc/shadow" })],
  ["a hard link", /is a hard link/, file("a", { type: "1", link: "files/b" })],
  ["a file with a link's name", /is a link/, file("a", { link: "b" })],
  ["a character device", /is a character device/, file("a", { type: "3" })],
  ["a block device", /is a block device/, file("a", { type: "4" })],
  ["a pipe", /is a pipe/, file("a", { type: "6" })],
  ["a pax header", /an extended header \(pax\)/, file("a", { type: "x", content: "20 path=/etc/passwd\n" })],
  ["a global pax header", /an extended header \(pax\)/, file("a", { type: "g" })],
  ["a long name of GNU tar", /a long name/, file("a", { type: "L" })],
  ["a sparse file", /a sparse file/, file("a", { type: "S" })],
  ["an old file", /before POSIX/, file("a", { type: "\0" })],
  ["GNU tar's own magic", /not that of a ustar/, file("a", { magic: "ustar  \0" })],
  ["a path that leads out", /leads elsewhere/, file("../etc/passwd")],
  ["a path with ..", /leads elsewhere/, file("etc/../../passwd")],
  ["a path with .", /leads elsewhere/, file("./a")],
  ["a path with an empty part", /empty part/, file("etc//a")],
  ["no path", /empty part/, file("")],
  ["an absolute path", /is not below files/, [headEntry(), { name: "/etc/passwd" }]],
  ["a path beside files/", /is not below files/, [headEntry(), { name: "filesystem/etc/passwd" }]],
  ["a second head", /is not below files/, [headEntry(), headEntry(), CA]],
  ["a line break in a name", /control characters/, file("a\nb")],
  ["an escape in a name", /control characters/, file("a\u{1b}[2J")],
  ["a name that turns the text around", /control characters/, file("a\u{202e}b")],
  ["a name that is no UTF-8", /no UTF-8/, file("a", { alter: (header) => void header.writeUInt8(0xff, 7) })],
  ["something behind a name", /stands behind a name/, file("a", { alter: (header) => void header.write("x", 40) })],
  ["a file twice", /is in it twice/, [headEntry(), CA, CA]],
  ["a folder twice", /is in it twice/, [headEntry(), ...FOLDERS, ...FOLDERS, CA]],
  ["a file and a folder of one name", /is in it twice/, [headEntry(), { name: "files/a" }, { name: "files/a/", type: "5" }]],
  ["a file below a file", /lies below a file/, [headEntry(), { name: "files/a" }, { name: "files/a/b" }]],
  ["a file above another", /lies below a file/, [headEntry(), { name: "files/a/b/c" }, { name: "files/a" }]],
  ["setuid", /more than permissions/, file("a", { mode: "0004755" })],
  ["setgid", /more than permissions/, file("a", { mode: "0002755" })],
  ["a sticky folder", /more than permissions/, [headEntry(), { name: "files/a/", type: "5", mode: "0001777" }, CA]],
  ["a wrong checksum", /checksum .* is wrong/, file("a", { spoil: (header) => void header.writeUInt8(0x37, 107) })],
  ["a size in base 256", /the size of .* is no number/, file("a", { alter: (header) => void header.writeUInt8(0x80, 124) })],
  ["a file of 17 MiB", /more than 16777216/, file("a", { size: `${(17 << 20).toString(8).padStart(11, "0")}\0` })],
  ["a folder with content", /has content/, [headEntry(), { name: "files/a/", type: "5", content: "x" }, CA]],
  ["a name too long", /longer than 255 bytes/, [headEntry(), { name: "a".repeat(100), prefix: `files/${"b".repeat(149)}` }]],
  ["something behind the padding", /more in its header/, file("a", { alter: (header) => void header.writeUInt8(1, 511) })],
])("a set with %s is refused", async (_, why, entries) => {
  expect(await refusal(tarOf(entries))).toMatch(why);
});

test("a set of too many entries, or of too long names, is refused", async () => {
  const many = Array.from({ length: 4096 }, (_, index) => entryBytes({ name: `files/${index}` }));
  expect(await refusal(Buffer.concat([entryBytes(headEntry()), ...many]))).toMatch(/more than 4096 entries/);
  const long = Array.from({ length: 1200 }, (_, index) =>
    entryBytes({ name: `${index}`.padStart(90, "a"), prefix: `files/${"b".repeat(140)}` }),
  );
  expect(await refusal(Buffer.concat([entryBytes(headEntry()), ...long]))).toMatch(/paths are longer than 262144 bytes/);
});

test("a set that is cut anywhere is refused", async () => {
  const whole = tarOf(SET);
  const end = whole.length - whole.toReversed().findIndex((byte) => byte !== 0);
  for (let length = 0; length < end + 600; length += 397)
    expect(await refusal(whole.subarray(0, length)), String(length)).toMatch(/no set of a node's files/);
});

test("a set with anything behind its end, or behind a file, is refused", async () => {
  const whole = tarOf(SET);
  for (const more of [Buffer.from("x"), Buffer.alloc(1), entryBytes(CA), Buffer.concat([Buffer.alloc(1 << 20), Buffer.from([1])])])
    expect(await refusal(Buffer.concat([whole, more]))).toMatch(/behind its end|within a block/);
  const behind = entryBytes({ name: "files/a", content: "x" });
  behind.writeUInt8(1, behind.length - 1);
  expect(await refusal(Buffer.concat([entryBytes(headEntry()), behind, Buffer.alloc(1024)]))).toMatch(/behind \/a/);
});

test("the largest set fits into the largest age file", () => {
  const chunks = MAX_SET_BYTES / (64 * 1024) + 1;
  expect(MAX_SEALED_BYTES).toBeGreaterThanOrEqual(MAX_SET_BYTES + 16 * chunks + 200);
});

test("a stream of zeros ends at 64 MiB, and is closed", async () => {
  let given = 0;
  let isClosed = false;
  // oxlint-disable-next-line require-await -- an endless async iterable
  async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield tarOf(SET);
      for (const zeros = new Uint8Array(1 << 20); ; given++) yield zeros;
    } finally {
      isClosed = true;
    }
  }
  await expect(readNodeFileSet(endless(), { what: "x.age" })).rejects.toThrow(/larger than 67108864 bytes/);
  expect([given <= 64, isClosed]).toEqual([true, true]);
});

test("whatever byte is changed, a set is refused, or read as tar would read it", async () => {
  const random = new SeededRandom(20_261_129);
  const whole = tarOf([headEntry(), ...FOLDERS, CA]);
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(whole);
    for (let changes = random.below(1, 4); changes > 0; changes--) bytes.writeUInt8(random.below(256), random.below(bytes.length));
    const outcome = await read(bytes, random.below(1, 2000)).catch((error: unknown) => error);
    if (isLifeboatError(outcome)) expect(outcome.code).toBe("verify/format");
    else expect(outcome).toMatchObject({ ...EXPECTED, files: [{ bytes: 14 }] });
  }
});
