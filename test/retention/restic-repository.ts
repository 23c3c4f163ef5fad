import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { requireProgram } from "../support/programs.ts";

/**
 * A repository of restic with snapshots of any time and host. A `restic backup` for each takes half a second (scrypt), so their files are written here, as
 * https://restic.readthedocs.io/en/stable/100_references.html#repository-format has them: AES-256-CTR and Poly1305-AES under the master key, named by their SHA-256.
 */
export interface ResticSnapshot {
  readonly host: string;
  /** ISO 8601 with an offset: what restic takes the hour and the day from. */
  readonly time: string;
  readonly tags: readonly string[];
}

const masterKey = z.object({ mac: z.object({ k: z.base64(), r: z.base64() }), encrypt: z.base64() });

const snapshotOf = z.object({ time: z.string(), hostname: z.string() });
const forgotten = z.array(
  z.object({
    host: z.string(),
    keep: z.array(snapshotOf).nullable(),
    remove: z.array(snapshotOf).nullable(),
    reasons: z.array(z.object({ snapshot: snapshotOf, matches: z.array(z.string()) })).nullable(),
  }),
);
export type Forgotten = z.infer<typeof forgotten>[number];

export class ResticRepository {
  readonly #folder: string;
  readonly #key: z.infer<typeof masterKey>;

  private constructor(folder: string, key: z.infer<typeof masterKey>) {
    this.#folder = folder;
    this.#key = key;
  }

  /** Empty, in an empty folder. */
  static async create(folder: string): Promise<ResticRepository> {
    await restic(folder, "init");
    return new ResticRepository(folder, masterKey.parse(JSON.parse(await restic(folder, "cat", "masterkey"))));
  }

  /** Puts these snapshots in place of those that are there. */
  async fill(snapshots: readonly ResticSnapshot[]): Promise<void> {
    const folder = join(this.#folder, "snapshots");
    await rm(folder, { recursive: true });
    await mkdir(folder);
    for (const { host, time, tags } of snapshots) {
      const text = JSON.stringify({ time, tree: "0".repeat(64), paths: ["/etcd"], hostname: host, username: "lifeboat", tags });
      const file = seal(text, this.#key);
      await writeFile(join(folder, createHash("sha256").update(file).digest("hex")), file);
    }
  }

  /** What `restic forget --dry-run` says of each host's snapshots. */
  async forget(flags: readonly string[]): Promise<readonly Forgotten[]> {
    return forgotten.parse(JSON.parse(await restic(this.#folder, "forget", "--dry-run", "--json", "--group-by", "host", ...flags)));
  }
}

async function restic(folder: string, ...args: readonly string[]): Promise<string> {
  // What forget decides must not hang on the zone that it runs in.
  const env = { RESTIC_REPOSITORY: folder, RESTIC_PASSWORD: "only here", TZ: "Asia/Tokyo" };
  const { stdout } = await execa(requireProgram("restic"), ["--no-cache", ...args], { env });
  return stdout;
}

function seal(text: string, { mac, encrypt }: z.infer<typeof masterKey>): Buffer {
  const nonce = randomBytes(16);
  const cipher = createCipheriv("aes-256-ctr", Buffer.from(encrypt, "base64"), nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const block = createCipheriv("aes-128-ecb", Buffer.from(mac.k, "base64"), null).setAutoPadding(false);
  return Buffer.concat([nonce, sealed, poly1305(sealed, Buffer.from(mac.r, "base64"), block.update(nonce))]);
}

/** https://www.rfc-editor.org/rfc/rfc8439#section-2.5, of a one-time key in its halves `r` and `s`. */
function poly1305(message: Buffer, r: Buffer, s: Buffer): Buffer {
  const prime = (1n << 130n) - 5n;
  const factor = numberOf(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16)
    sum = ((sum + numberOf(Buffer.concat([message.subarray(at, at + 16), Buffer.of(1)]))) * factor) % prime;
  const tag = (sum + numberOf(s)) & ((1n << 128n) - 1n);
  return Buffer.from(Buffer.from(tag.toString(16).padStart(32, "0"), "hex").toReversed());
}

/** Little-endian. */
function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);
}
