import { execFileSync } from "node:child_process";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireProgram } from "./programs.ts";

/**
 * Restore bundles made by hand from docs/format.md, "Restore bundles", and not by shared/bundle/: with the bundle key in hand anything can be signed here, also what lifeboat never makes.
 */

const NODE_FOLDER = fileURLToPath(new URL("../../node/", import.meta.url));
export const RESTORE_SH = join(NODE_FOLDER, "restore.sh");
export const MEMBER_SH = join(NODE_FOLDER, "member.sh");

export interface TarItem {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
  /** Of the header; a regular file's by default. */
  readonly type?: string;
  readonly linkName?: string;
  /** The last word on the header, before its checksum is put in. */
  readonly header?: (header: Buffer) => void;
}

export interface BundleKey {
  readonly privateKey: KeyObject;
  readonly pem: string;
  /** `sha256:...` */
  readonly fingerprint: string;
}

export function newBundleKey(): BundleKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const digest = sha256(publicKey.export({ type: "spki", format: "der" }));
  return { privateKey, pem: publicKey.export({ type: "spki", format: "pem" }).toString(), fingerprint: `sha256:${digest}` };
}

/** An age identity file at `path`: its recipient. */
export function newAgeIdentity(path: string): string {
  execFileSync(requireProgram("age-keygen"), ["-o", path], { stdio: "pipe" });
  return execFileSync(requireProgram("age-keygen"), ["-y", path], { encoding: "utf8" }).trim();
}

export interface BundleMaking {
  /** Gets the files; made where it is not there. */
  readonly folder: string;
  readonly key: BundleKey;
  /** age recipient of the node. */
  readonly recipient: string;
  readonly name?: string;
  /** The plain snapshot. */
  readonly snapshot: Uint8Array;
  /** Lines of the plan to change, to add or (undefined) to leave out. */
  readonly plan?: Readonly<Record<string, string | undefined>>;
  /** The same for the file recipient. */
  readonly recipientFile?: Readonly<Record<string, string | undefined>>;
  /** In place of the plan's text as it would be. */
  readonly planText?: (text: string) => string | Uint8Array;
  /** In place of the identity file as it would be, before it is encrypted. */
  readonly identityText?: (text: string) => string;
  /** In place of the entries as they would be; SHA256SUMS, which is the last, is there already. */
  readonly entries?: (entries: readonly TarItem[]) => readonly TarItem[];
  /** Before it is signed. */
  readonly tar?: (tar: Buffer) => Buffer;
  /** Folder with etcdctl and etcdutl; without it two files stand in for them that nothing can run. */
  readonly etcdPrograms?: string;
  /** An age file for the recipient of the archive of the node's files, and when they were collected. */
  readonly nodeFiles?: { readonly sealed: Uint8Array; readonly time: string };
  /** In place of the program unzstd. */
  readonly unzstd?: string;
}

export interface MadeBundle {
  readonly folder: string;
  readonly tar: string;
  readonly payload: string;
  readonly plan: Readonly<Record<string, string>>;
}

const PAYLOAD = "20261121T100000Z-0badcafe.age";

/** Writes a bundle as `lifeboat bundle --out` does. */
export function makeBundle(making: BundleMaking): MadeBundle {
  const { folder, key, recipient, name = "node-a", snapshot, etcdPrograms } = making;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const secret = join(folder, ".snapshot.key");
  const own = newAgeIdentity(secret);
  const packed = execFileSync("zstd", ["-q", "-1", "-c"], { input: snapshot, maxBuffer: 2 ** 31 });
  const payload = age(packed, own);
  writeFileSync(join(folder, PAYLOAD), payload, { mode: 0o600 });
  const manifest = Buffer.from('{"payload":"a manifest"}\n');
  const plan = changed({ ...planFor(snapshot, payload, manifest), RECIPIENTS: name }, making.plan);
  const text = lines(plan);
  const planBytes = Buffer.from(making.planText?.(text) ?? text);
  const identity = `# context: {"cluster":"${plan["CLUSTER"]}","snapshot":"${plan["SNAPSHOT"]}"}\n${lastLine(secret)}\n`;
  execFileSync("rm", [secret]);
  const file = (path: string, mode: number, bytes: Uint8Array | string): TarItem => ({
    name: `bundle/${path}`,
    mode,
    bytes: Buffer.from(bytes),
  });
  const program = (each: string): TarItem =>
    file(`bin/${each}`, 0o755, etcdPrograms === undefined ? each : readFileSync(join(etcdPrograms, each)));
  const recipientFile = { FORMAT: "1", RECIPIENT: name, RECIPIENT_KEY: recipient, ENROLLED: "yes", PLAN_SHA256: sha256(planBytes) };
  const { nodeFiles } = making;
  const entries = [
    file("plan", 0o644, planBytes),
    file("recipient", 0o644, lines(changed({ ...recipientFile, ...(nodeFiles && { NODE_FILES: nodeFiles.time }) }, making.recipientFile))),
    file("manifest.json", 0o644, manifest),
    file("identity.age", 0o600, age(making.identityText?.(identity) ?? identity, recipient)),
    ...(nodeFiles === undefined ? [] : [file("node-files.age", 0o600, nodeFiles.sealed)]),
    file("NEXT-STEPS.txt", 0o644, "what to type\n"),
    file("restore.sh", 0o755, readFileSync(RESTORE_SH)),
    ...readdirSync(join(NODE_FOLDER, "lib"))
      .toSorted()
      .map((each) => file(`lib/${each}`, 0o644, readFileSync(join(NODE_FOLDER, "lib", each)))),
    file("bin/age", 0o755, readFileSync(requireProgram("age"))),
    program("etcdctl"),
    program("etcdutl"),
    file("bin/unzstd", 0o755, making.unzstd ?? readFileSync(requireProgram("unzstd"))),
    file("LICENSES.txt", 0o644, "licences\n"),
  ];
  const sums = entries.map((each) => `${sha256(each.bytes)}  ${each.name.slice("bundle/".length)}\n`).join("");
  const all = [...entries, file("SHA256SUMS", 0o644, sums)];
  const tar = writeTarItems(making.entries?.(all) ?? all);
  const path = join(folder, `${name}.tar`);
  signBundle(path, making.tar?.(tar) ?? tar, key);
  return { folder, tar: path, payload: join(folder, PAYLOAD), plan };
}

/** Writes a tar, its signature and the public key beside one another. */
export function signBundle(path: string, tar: Uint8Array, { privateKey, pem }: BundleKey): void {
  writeFileSync(path, tar, { mode: 0o600 });
  writeFileSync(`${path}.sig`, createSign("sha256").update(tar).sign(privateKey), { mode: 0o600 });
  writeFileSync(join(path, "../bundle.pub"), pem, { mode: 0o600 });
}

/** A POSIX ustar archive of whatever the items say. */
export function writeTarItems(items: readonly TarItem[]): Buffer {
  return Buffer.concat([...items.flatMap(pieces), Buffer.alloc(1024)]);
}

function pieces({ name, bytes, mode, type = "0", linkName = "", header: last }: TarItem): Uint8Array[] {
  const header = Buffer.alloc(512);
  const octal = (at: number, digits: number, value: number): void => void header.write(value.toString(8).padStart(digits, "0"), at);
  header.write(name, 0, 100);
  octal(100, 7, mode);
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, bytes.length);
  octal(136, 11, 1_795_000_000);
  header.write(type, 156);
  header.write(linkName, 157, 100);
  header.write("ustar\u{0}00", 257, "latin1");
  last?.(header);
  header.write(" ".repeat(8), 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\u{0} `, 148, "latin1");
  return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
}

function planFor(snapshot: Uint8Array, payload: Uint8Array, manifest: Uint8Array): Record<string, string> {
  const now = Math.floor(Date.now() / 1000);
  return {
    FORMAT: "1",
    CLUSTER: "prod",
    SNAPSHOT: "20261121T100000Z",
    LINEAGE: "1",
    TAKEN_AT: "2026-11-21T10:00:00.000Z",
    MANIFEST_SHA256: sha256(manifest),
    ETCD_VERSION: "3.6.16",
    ETCD_MINOR: "3.6",
    TOOLS_MINOR: "3.6",
    PAYLOAD_FILE: PAYLOAD,
    PAYLOAD_KEY: `clusters/prod/snapshots/${PAYLOAD}`,
    PAYLOAD_BYTES: String(payload.length),
    PAYLOAD_SHA256: sha256(payload),
    SNAPSHOT_BYTES: String(snapshot.length),
    SNAPSHOT_SHA256: sha256(snapshot),
    SNAPSHOT_TRAILER: Buffer.from(snapshot.subarray(-32)).toString("hex"),
    SNAPSHOT_HASH: "",
    REVISION: "1000",
    COMPACT_REVISION: "-1",
    LIVE_KEYS: "",
    IN_USE_BYTES: "",
    HASHKV: "",
    HASHKV_REVISION: "",
    HASHKV_COMPACT_REVISION: "",
    ALARMS: "",
    GOOD: "yes",
    LACKS: "",
    CREATED_AT: new Date(now * 1000).toISOString(),
    CREATED_EPOCH: String(now),
    EXPIRES_AT: new Date((now + 3600) * 1000).toISOString(),
    EXPIRES_EPOCH: String(now + 3600),
    RECIPIENTS: "",
    FOR: "etcd",
    ARCH: process.arch === "arm64" ? "arm64" : "amd64",
    PAYLOAD_VERSION: "",
    TOKEN: "lifeboat-prod-20261121T100000Z-0123456789abcdef",
    BUMP_REVISION: "1000000000",
    REVISION_AFTER: "1000001000",
    INITIAL_CLUSTER: "m1=http://127.0.0.1:2380",
    MEMBERS: "1",
    MEMBER_1_NAME: "m1",
    MEMBER_1_PEER_URLS: "http://127.0.0.1:2380",
    MEMBER_1_CLIENT_URLS: "http://127.0.0.1:2379",
    MEMBER_1_LAYOUT: "auto",
    MEMBER_1_DATA_DIR: "",
    MEMBER_1_SERVICE: "",
    TOOL: "etcd-lifeboat 0.1.0",
  };
}

function changed(values: Record<string, string>, changes: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  const all = { ...values, ...changes };
  return Object.fromEntries(Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined));
}

function lines(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

function lastLine(file: string): string {
  return readFileSync(file, "utf8").trim().split("\n").at(-1) ?? "";
}

export function age(input: Uint8Array | string, recipient: string): Buffer {
  return execFileSync(requireProgram("age"), ["-r", recipient], { input, maxBuffer: 2 ** 31 });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Programs of coreutils 8.22 that a script may want, and what else a node has for certain. */
const NODE_PROGRAMS =
  "bash openssl tar basename cat chcon chgrp chmod chown comm cp cut date dd df dirname du echo env expr false head id install ln ls md5sum mkdir mkfifo mktemp mv nice nohup nproc od paste printf pwd readlink realpath rm rmdir seq sha256sum shred sleep sort split stat stdbuf sync tac tail tee test timeout touch tr true truncate uname uniq wc";

/**
 * A folder for PATH with what an old node has, and nothing else. Programs in the folder LIFEBOAT_TEST_OLD_PROGRAMS come before the system's:
 * a bash 4.2 and an openssl 1.0.2 that somebody built, say.
 */
export function oldNodePath(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const { PATH = "", LIFEBOAT_TEST_OLD_PROGRAMS: old = "" } = process.env;
  const folders = [...(old === "" ? [] : [old]), "/usr/bin", "/bin", ...PATH.split(":")];
  for (const name of NODE_PROGRAMS.split(" ")) {
    const found = folders.map((each) => join(each, name)).find(isThere);
    if (found !== undefined) symlinkSync(found, join(folder, basename(found)));
  }
  chmodSync(folder, 0o755);
  return folder;
}

function isThere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
