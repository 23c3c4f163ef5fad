import { setTimeout as delay } from "node:timers/promises";
import type { RestoreSite, SiteNode } from "./restore-site.ts";

const PREFIX = "/acknowledged/";
/** Writers side by side, each with a pause between its writes: they leave time for everything else on a small machine. */
const WRITERS = 4;
const PAUSE_MS = 10;
const ANSWER_MS = 2000;

/** Writes into a cluster without end, by whichever member takes it, and remembers what was acknowledged. Members speak plain http. */
export class AcknowledgedWrites implements AsyncDisposable {
  readonly #nodes: readonly SiteNode[];
  readonly #keys = new Set<string>();
  readonly #loops: readonly Promise<void>[];
  #stops = false;

  private constructor(nodes: readonly SiteNode[]) {
    this.#nodes = nodes;
    this.#loops = Array.from({ length: WRITERS }, (_, writer) => this.#write(writer));
  }

  /** Each node in turn is written to. */
  static begin(nodes: readonly SiteNode[]): AcknowledgedWrites {
    return new AcknowledgedWrites(nodes);
  }

  get count(): number {
    return this.#keys.size;
  }

  /** Ends the writing; the keys that were acknowledged. */
  async stop(): Promise<ReadonlySet<string>> {
    this.#stops = true;
    await Promise.all(this.#loops);
    return this.#keys;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #write(writer: number): Promise<void> {
    for (let each = 0; !this.#stops; each++) {
      const key = `${PREFIX}${writer}-${each}`;
      const node = this.#nodes[(writer + each) % this.#nodes.length];
      if (node !== undefined && (await isWritten(node, key))) this.#keys.add(key);
      await delay(PAUSE_MS);
    }
  }
}

/** By etcd's own gateway for JSON. Only an answer with a revision is one. */
async function isWritten({ clientUrl }: SiteNode, key: string): Promise<boolean> {
  const body = JSON.stringify({ key: Buffer.from(key).toString("base64"), value: Buffer.from(key).toString("base64") });
  try {
    const answer = await fetch(`${clientUrl}/v3/kv/put`, { method: "POST", body, signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.ok && /"revision":"\d+"/.test(await answer.text());
  } catch {
    return false;
  }
}

/** Those of the acknowledged keys that a member does not have any more. */
export async function lostOn(site: RestoreSite, node: SiteNode, acknowledged: ReadonlySet<string>): Promise<readonly string[]> {
  const kept = new Set((await site.etcdctl(["get", PREFIX, "--prefix", "--keys-only"], node)).split("\n").filter((line) => line !== ""));
  return [...acknowledged].filter((key) => !kept.has(key));
}
