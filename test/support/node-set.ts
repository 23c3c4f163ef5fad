/** Tars of nodes' files for tests: as collect.sh makes them, and as it does not. */

export interface Entry {
  readonly name: string;
  /** Of the name in its field `prefix`. */
  readonly prefix?: string;
  readonly content?: string | Uint8Array;
  readonly type?: string;
  readonly mode?: string;
  readonly size?: string;
  readonly link?: string;
  readonly magic?: string;
  /** Changed after the checksum was made. */
  readonly spoil?: (header: Buffer) => void;
  /** Changed before. */
  readonly alter?: (header: Buffer) => void;
}

export const COLLECTED_AT = "2026-11-21T11:00:00Z";

export function headEntry({ cluster = "prod", node = "node-a", time = COLLECTED_AT, version = "1" } = {}): Entry {
  return { name: "node-files", content: `VERSION=${version}\nCLUSTER=${cluster}\nNODE=${node}\nCOLLECTED_AT=${time}\n` };
}

export const CA: Entry = { name: "files/etc/kubernetes/pki/ca.crt", content: "a certificate\n", mode: "0000644" };
export const ENCRYPTION_CONFIG: Entry = {
  name: "files/etc/kubernetes/enc/enc.yaml",
  content: `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - aescbc: { keys: [{ name: key1, secret: ${Buffer.alloc(32, 7).toString("base64")} }] }
      - identity: {}
`,
};
export const FOLDERS: readonly Entry[] = ["files/", "files/etc/", "files/etc/kubernetes/"].map((name) => ({
  name,
  type: "5",
  mode: "0000755",
}));
/** A whole set. */
export const SET: readonly Entry[] = [headEntry(), ...FOLDERS, CA, ENCRYPTION_CONFIG];

const BLOCK = 512;

export function headerOf(entry: Entry): Buffer {
  const { name, prefix = "", content = "", type = "0", mode = "0000600", link = "", magic = "ustar\u{0}00", alter, spoil } = entry;
  const header = Buffer.alloc(BLOCK);
  const put = (text: string, at: number): void => void header.write(text, at, "utf8");
  put(name, 0);
  put(`${mode}\u{0}`, 100);
  put("0000000\u{0}0000000\u{0}", 108);
  put(entry.size ?? `${Buffer.byteLength(content).toString(8).padStart(11, "0")}\u{0}`, 124);
  put("14731200000\u{0}", 136);
  put(type, 156);
  put(link, 157);
  put(magic, 257);
  put(prefix, 345);
  alter?.(header);
  header.fill(0x20, 148, 156);
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += header[at] ?? 0;
  put(`${sum.toString(8).padStart(6, "0")}\u{0} `, 148);
  spoil?.(header);
  return header;
}

export function entryBytes(entry: Entry): Buffer {
  const content = Buffer.from(entry.content ?? "");
  return Buffer.concat([headerOf(entry), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** The archive, up to a whole record of 10,240 bytes as tar fills it. */
export function tarOf(entries: readonly Entry[]): Buffer {
  const all = Buffer.concat([...entries.map(entryBytes), Buffer.alloc(2 * BLOCK)]);
  return Buffer.concat([all, Buffer.alloc((10_240 - (all.length % 10_240)) % 10_240)]);
}
