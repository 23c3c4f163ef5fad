import { createHash, randomBytes } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { makeFolders } from "../../folders.ts";
import type { AuditMemory } from "../audit-memory.ts";

/**
 * A file for each name, in a folder that only this user can write to: whoever else could would tell audits what to believe. Read and written at once: a fleet has a thousand small files, and handing each over to another
 * thread costs more than the call.
 */
export class AuditFolder implements AuditMemory {
  readonly #folder: string;
  #made: Promise<void> | undefined;

  /** `base`: such a folder. `location`: of the store. */
  constructor(base: string, location: string) {
    this.#folder = join(base, createHash("sha256").update(location).digest("hex").slice(0, 32));
  }

  recall(name: string): Promise<string | undefined> {
    try {
      const bytes = readFileSync(this.#fileOf(name));
      const end = bytes.indexOf("\n");
      const text = bytes.subarray(end + 1);
      return Promise.resolve(bytes.toString("latin1", 0, end) === sumOf(text) ? text.toString("utf8") : undefined);
    } catch {
      return Promise.resolve(undefined);
    }
  }

  async keep(name: string, text: string): Promise<void> {
    const file = this.#fileOf(name);
    const aside = `${file}.${randomBytes(6).toString("hex")}`;
    try {
      await (this.#made ??= makeFolders(this.#folder));
      writeFileSync(aside, `${sumOf(Buffer.from(text))}\n${text}`, { mode: 0o600, flag: "wx" });
      renameSync(aside, file);
    } catch {
      // A disk that takes nothing: the next audit takes as long as this one.
      rmSync(aside, { force: true });
    }
  }

  #fileOf(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}

/** A file that was cut short or damaged is none. */
function sumOf(text: Uint8Array): string {
  return crc32(text).toString(16).padStart(8, "0");
}
