import { openClient } from "./connection.ts";
import type { Connection } from "./connection.ts";

/** A live key, as of one revision. */
export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** A lease's id in decimal, "0" where there is none. */
  readonly lease: string;
}

const PAGE_KEYS = 500;

/** Every key in ascending order, all as of one revision: `revision`, else that of the first page. */
export async function* readAll(
  connection: Connection,
  options: { readonly revision?: number } = {},
): AsyncGenerator<Entry, void, undefined> {
  const client = openClient(connection);
  try {
    let key = Buffer.of(0);
    let revision = options.revision;
    for (;;) {
      const page = await client.kv.range({ key, range_end: Buffer.of(0), limit: PAGE_KEYS, ...(revision !== undefined && { revision }) });
      revision ??= Number(page.header.revision);
      for (const kv of page.kvs) {
        yield {
          key: kv.key,
          value: kv.value,
          createRevision: Number(kv.create_revision),
          modRevision: Number(kv.mod_revision),
          version: Number(kv.version),
          lease: kv.lease,
        };
      }
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
  } finally {
    client.close();
  }
}

export interface Comparison {
  /** Keys that are alike in everything. */
  readonly same: number;
  /** One line for each that is not, at most 20. */
  readonly differences: readonly string[];
}

/** Compares two clusters key by key: values, revisions, versions, leases. */
export async function compareKeys(first: AsyncIterable<Entry>, second: AsyncIterable<Entry>): Promise<Comparison> {
  const others = new Map<string, Entry>();
  for await (const entry of second) others.set(entry.key.toString("latin1"), entry);
  const differences: string[] = [];
  const differ = (entry: Entry, how: string): void => {
    if (differences.length < 20) differences.push(`${JSON.stringify(entry.key.toString())} ${how}`);
  };
  let same = 0;
  for await (const entry of first) {
    const id = entry.key.toString("latin1");
    const other = others.get(id);
    others.delete(id);
    if (other === undefined) differ(entry, "is missing in the second");
    else if (!entry.value.equals(other.value)) differ(entry, "has another value");
    else if (entry.modRevision !== other.modRevision || entry.createRevision !== other.createRevision)
      differ(entry, "has another revision");
    else if (entry.version !== other.version) differ(entry, "has another version");
    else if (entry.lease !== other.lease) differ(entry, "has another lease");
    else same++;
  }
  for (const entry of others.values()) differ(entry, "is missing in the first");
  return { same, differences };
}
