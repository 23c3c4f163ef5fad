import { createHash, randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { makeFolders } from "../../folders.ts";
import { readOwnFile } from "../../own-files.ts";
import type { KnownStore, PlaceRecords } from "../place-records.ts";

const recordSchema = z.object({ location: z.string(), store: z.string(), since: z.string() });

const MAX_RECORD_BYTES = 64 * 1024;

/** A file for each place in `<folder>/stores/`. */
export class StateFolder implements PlaceRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "stores");
  }

  async recall(location: string): Promise<KnownStore | undefined> {
    const file = this.#fileOf(location);
    try {
      const text = await readOwnFile(file, MAX_RECORD_BYTES);
      if (text === undefined) return undefined;
      const { store, since } = recordSchema.parse(JSON.parse(text));
      return { store, since, file };
    } catch {
      // What cannot be read is not remembered: a backup never fails for it.
      return undefined;
    }
  }

  async remember(location: string, store: string, now: Date): Promise<void> {
    const file = this.#fileOf(location);
    const draft = `${file}.${randomBytes(6).toString("hex")}`;
    try {
      await makeFolders(this.#folder);
      await writeFile(draft, `${JSON.stringify({ location, store, since: now.toISOString() })}\n`, { mode: 0o600, flag: "wx" });
      await rename(draft, file);
    } catch {
      // As above.
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }

  #fileOf(location: string): string {
    return join(this.#folder, `${createHash("sha256").update(location).digest("hex").slice(0, 32)}.json`);
  }
}
