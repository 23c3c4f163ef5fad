import { chooseMembers } from "../../etcd/choice.ts";
import type { EtcdSource, RangeEntry } from "../../etcd/etcd-source.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Progress } from "../../progress.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";

/** The keys and values that a cluster has now. */
export interface LiveState {
  /** Who is asked, for people. */
  readonly endpoint: string;
  /** In the order of keys, all as of one revision. */
  entries(signal: AbortSignal): AsyncIterable<RangeEntry>;
  /** The one at exactly `key`. */
  entry(key: Uint8Array, signal: AbortSignal): Promise<RangeEntry | undefined>;
}

export interface PageSize {
  /** Of one answer, on average: etcd holds it in memory while it sends it. */
  readonly bytes: number;
  readonly keys: number;
}

/** Of a cluster that has other work: as many as kubectl asks for at once. */
const SMALL_PAGES: PageSize = { bytes: 1 << 20, keys: 500 };
const FIRST_LIMIT = 100;
const NUL = Uint8Array.of(0);

/**
 * The live keys that `isWanted` takes, asked of one member in pages: a follower where there is one that can be asked. It only reads, and nothing goes through raft. Throws what the port throws, and `etcd/no-member` where no member
 * can be asked.
 */
export async function openLive(etcd: EtcdSource, isWanted: KeyTest, progress: Progress, signal: AbortSignal): Promise<LiveState> {
  const failures: LifeboatError[] = [];
  const statuses = await Promise.all(
    etcd.endpoints.map((endpoint) =>
      etcd.status(endpoint, signal).catch((error: unknown) => {
        if (!isLifeboatError(error)) throw error;
        failures.push(error);
        return [];
      }),
    ),
  );
  const [best] = chooseMembers(statuses.flat(), []).candidates;
  if (best === undefined) {
    signal.throwIfAborted();
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    throw new LifeboatError("etcd/no-member", `no member of the cluster at ${etcd.endpoints.join(", ")} can be asked for its keys`, {
      hint: "lifeboat preflight says what is wrong with each",
    });
  }
  const { endpoint } = best;
  return {
    endpoint,
    entries: async function* wanted(until) {
      progress.phase("ask etcd");
      for await (const entry of entriesAt(etcd, { endpoint, revision: "latest" }, progress, until))
        if (isWanted(entry.key, 0, entry.key.length)) yield entry;
    },
    async entry(key, until) {
      const { entries } = await etcd.range(endpoint, { from: key, end: Buffer.concat([key, NUL]), limit: 1, revision: "latest" }, until);
      return entries[0];
    },
  };
}

/** All keys of one member, in their order and as of one revision, asked for in pages. Throws what the port throws. */
export async function* entriesAt(
  etcd: EtcdSource,
  at: { readonly endpoint: string; readonly revision: number | "latest"; readonly pages?: PageSize },
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<RangeEntry, void, undefined> {
  let from: Uint8Array = NUL;
  let limit = FIRST_LIMIT;
  let { revision } = at;
  const { pages = SMALL_PAGES } = at;
  for (;;) {
    const page = await etcd.range(at.endpoint, { from, end: NUL, limit, revision }, signal);
    // What comes later is read as of the same moment.
    revision = page.revision;
    let bytes = 1;
    for (const entry of page.entries) {
      bytes += entry.key.length + entry.value.length;
      yield entry;
    }
    progress.advance(bytes);
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return;
    from = Buffer.concat([last.key, NUL]);
    const fitting = Math.ceil((page.entries.length * pages.bytes) / bytes);
    limit = Math.max(1, Math.min(pages.keys, fitting, 2 * page.entries.length));
  }
}
