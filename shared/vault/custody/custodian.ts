import { isLifeboatError, LifeboatError, messageOf } from "../../errors.ts";
import type { Purpose } from "../../keys/key-ring.ts";
import { custodyKey } from "../../documents/layout.ts";
import { isThere } from "../put-document.ts";
import type { CustodyEvent, CustodyRecord } from "../../documents/custody-record.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import type { Progress } from "../../progress.ts";
import { appendRecord } from "./append.ts";
import type { CustodyDraft, CustodyPorts, Subjects } from "./append.ts";

/** 3 s: a run that was told to stop ends within five, also where the store is dead. */
const LAST_WORDS_MS = 3000;

/** Of an error's message: enough for people, and far from the largest document. */
const REASON_LENGTH = 1000;

/**
 * Keeps the custody log for one run of a job: what the run announces, that it came, or why it did not. A record is appended before the object that it announces. Where the run dies
 * between the two, the announcement stays unexplained, which is what `lifeboat custody --verify` reports.
 */
export class Custodian {
  readonly #ports: CustodyPorts & { readonly progress: Progress };
  readonly #cluster: string;
  readonly #purpose: Purpose;
  /** Announced or about to be, and its object is not known to be there. */
  #open: CustodyReceipt | undefined;
  #last: CustodyReceipt | undefined;

  constructor(ports: CustodyPorts & { readonly progress: Progress }, cluster: string, purpose: Purpose) {
    this.#ports = ports;
    this.#cluster = cluster;
    this.#purpose = purpose;
  }

  /** The newest record of this run. */
  get last(): CustodyReceipt | undefined {
    return this.#last;
  }

  /** Whether something is announced, or may be, that is not known to be there. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Tells what is to be written next. Throws where it cannot be told: then it must not be written. */
  async announce(
    event: CustodyEvent,
    subjects: Subjects,
    { details, signal }: { readonly details?: CustodyRecord["details"]; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<CustodyReceipt> {
    const draft = { event, subjects, ...(details === undefined ? {} : { details }) };
    const onAttempt = (receipt: CustodyReceipt): void => void (this.#open = receipt);
    this.#last = await appendRecord(this.#ports, this.#cluster, this.#purpose, draft, { signal, onAttempt });
    return this.#last;
  }

  /** What was announced is there. */
  settle(): void {
    this.#open = undefined;
  }

  /** What was announced, or would have been, is not written, since another run's is there. Never throws. */
  async skip(subjects: Subjects, reason: string): Promise<void> {
    await this.#inLastWords({ event: "skipped", subjects, details: { reason } });
  }

  /** The run failed with `error`. Never throws, and takes no longer than a few seconds: that error is the one to pass on. */
  async fail(error: unknown, subjects: Subjects = []): Promise<void> {
    // Then there is no log here to tell.
    if (isLifeboatError(error, "store/missing", "store/other")) return;
    const details = isLifeboatError(error) ? { code: error.code, reason: error.message.slice(0, REASON_LENGTH) } : { code: "unexpected" };
    await this.#inLastWords({ event: "failed", subjects, details });
  }

  async #inLastWords(draft: CustodyDraft): Promise<void> {
    const { clock, progress } = this.#ports;
    const stop = new AbortController();
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(LAST_WORDS_MS, () => {
      stop.abort();
      late.reject(new LifeboatError("store/failed", `it took longer than ${LAST_WORDS_MS / 1000} s`));
    });
    try {
      this.#last = await Promise.race([this.#explain(draft, stop.signal), late.promise]);
      this.#open = undefined;
    } catch (error) {
      progress.note(
        "warn",
        `cannot record in the custody log that the run ${draft.event === "failed" ? "failed" : "was skipped"}: ${messageOf(error)}`,
      );
    } finally {
      cancel();
    }
  }

  async #explain({ event, subjects, details }: CustodyDraft, signal: AbortSignal): Promise<CustodyReceipt> {
    const { blobs } = this.#ports;
    const open = this.#open;
    const isOpen = open !== undefined && (await isThere(blobs, custodyKey(this.#cluster, open.sequence), open));
    const draft = { event, subjects, details: { ...details, ...(isOpen ? { of: open.sequence } : {}) } };
    return appendRecord(this.#ports, this.#cluster, this.#purpose, draft, { signal });
  }
}
