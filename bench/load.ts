import { createCipheriv } from "node:crypto";
import { openClient } from "../tools/lab/connection.ts";
import type { Connection } from "../tools/lab/connection.ts";

/** With its key an entry takes one page of 4 KiB, so a key stands for 4 KiB of database. */
export const VALUE_BYTES = 2048;
/** etcd's own limit for one transaction. */
const KEYS_PER_TRANSACTION = 128;
/** Transactions on their way at once. */
const LANES = 8;
/** Bytes of each value that do not compress; the rest is what every value has in common. */
const RANDOM_BYTES = 640;

const COMMON = Buffer.from(
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"bench","labels":{"app.kubernetes.io/managed-by":"bench"}},"data":{"text":"`.padEnd(
    VALUE_BYTES - RANDOM_BYTES,
    "a value like others of its kind; ",
  ),
);

/** `keys` keys with values of 2 KB, the same at every call. */
export function* load(keys: number): Generator<{ readonly key: Buffer; readonly value: Buffer }, void, undefined> {
  // Noise that can be had again: the keystream of a fixed key.
  const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));
  const zeros = Buffer.alloc(RANDOM_BYTES);
  for (let index = 0; index < keys; index++) {
    yield {
      key: Buffer.from(`/registry/configmaps/bench/load-${String(index).padStart(8, "0")}`),
      value: Buffer.concat([COMMON, noise.update(zeros)]),
    };
  }
}

interface Put {
  readonly request_put: { readonly key: Buffer; readonly value: Buffer };
}

function* inTransactions(keys: number): Generator<Put[], void, undefined> {
  let puts: Put[] = [];
  for (const entry of load(keys)) {
    if (puts.push({ request_put: entry }) < KEYS_PER_TRANSACTION) continue;
    yield puts;
    puts = [];
  }
  if (puts.length > 0) yield puts;
}

/** Writes the load into an etcd, many keys a transaction and several transactions at once. */
export async function fill(connection: Connection, keys: number, signal: AbortSignal, progress: (done: number) => void): Promise<void> {
  const client = openClient(connection);
  const transactions = inTransactions(keys);
  let done = 0;
  const lane = async (): Promise<void> => {
    for (const success of transactions) {
      signal.throwIfAborted();
      await client.kv.txn({ success });
      done += success.length;
      progress(done);
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    client.close();
  }
}
