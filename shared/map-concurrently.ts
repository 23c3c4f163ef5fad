/** 64 documents are read at a time: at 20 ms a request 3,200 a second, which is more than one thread can check. Fewer than the connections of shared/store/s3/client.ts. */
export const PARALLEL_READS = 64;

/**
 * `work` on each item of `source`, up to `limit` at once, with the outcomes in the order of the items. Back-pressure: no more than
 * `limit` items are taken beyond what the consumer has taken of the outcomes. When it ends, fails or is left early, every work
 * that was begun has come to its end and the source is closed.
 */
export async function* mapConcurrently<Item, Outcome>(
  source: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Outcome>,
): AsyncGenerator<Outcome, void, undefined> {
  const begun: Promise<Outcome>[] = [];
  try {
    for await (const item of source) {
      const outcome = work(item);
      // Its failure is thrown when its turn comes; until then it must not count as unhandled.
      outcome.catch(() => undefined);
      begun.push(outcome);
      const oldest = begun.length < limit ? undefined : begun.shift();
      if (oldest !== undefined) yield await oldest;
    }
    for (let oldest = begun.shift(); oldest !== undefined; oldest = begun.shift()) yield await oldest;
  } finally {
    await Promise.allSettled(begun);
  }
}
