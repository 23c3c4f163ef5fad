import { custodyKey } from "../../documents/layout.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import type { CustodyRecord } from "../../documents/custody-record.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import type { CustodyFinding } from "./finding.ts";
import { isFault, isOfLaterVersion } from "./records.ts";
import type { FoundRecord, RecordFault } from "./records.ts";

/** Somebody who has seen a record: a document that names it, or a person who wrote a head down. */
export interface Witness extends CustodyReceipt {
  /** For people: who. */
  readonly name: string;
}

/** A record, as far as the chain goes by it. */
export interface Chained extends Omit<FoundRecord, "record"> {
  readonly record: Pick<CustodyRecord, "event" | "previous" | "previousBytes"> | RecordFault;
}

/** Holds a log against itself, record by record in order from `first` on: each number once, each naming the bytes of the one before. Keeps one digest of each. */
export class ChainCheck {
  readonly #cluster: string;
  readonly #log: CustodyLog;
  readonly #first: number;
  readonly #digests = new Map<number, string>();
  #last: { readonly sequence: number; readonly digest: string; readonly isGood: boolean; readonly bytes: number | undefined } | undefined;

  constructor(cluster: string, log: CustodyLog = "custody", first = 1) {
    this.#cluster = cluster;
    this.#log = log;
    this.#first = first;
  }

  /** The last record that there is. */
  get head(): CustodyReceipt | undefined {
    return this.#last === undefined ? undefined : { sequence: this.#last.sequence, digest: this.#last.digest };
  }

  has({ sequence, digest }: CustodyReceipt): boolean {
    return this.#digests.get(sequence) === digest;
  }

  add({ sequence, key, digest, oversizedBytes, record }: Chained): readonly CustodyFinding[] {
    const findings: CustodyFinding[] = [];
    const before = this.#last;
    const expected = before === undefined ? this.#first : before.sequence + 1;
    if (sequence > expected) findings.push(this.#missing(expected, sequence - 1));
    // What a record of a later version says is not looked at; the next one has to name its bytes.
    if (isFault(record)) {
      if (record.code !== "custody/later") findings.push({ code: record.code, subject: key, message: record.message, fix: TAMPERED });
    } else if (sequence === expected && before !== undefined && !follows(record, before)) {
      findings.push({
        code: "custody/broken-chain",
        subject: key,
        message: `record ${sequence} names another record ${before.sequence} than the one that is stored: one of the two was rewritten with a trusted key`,
        fix: STOLEN,
      });
    }
    this.#last = { sequence, digest, isGood: !isFault(record) || isOfLaterVersion(record), bytes: oversizedBytes };
    this.#digests.set(sequence, digest);
    return findings;
  }

  /** To be asked at the end: what a witness saw, and the log does not have. */
  contradict({ sequence, digest, name }: Witness): CustodyFinding | undefined {
    const last = this.#last?.sequence ?? this.#first - 1;
    const key = custodyKey(this.#cluster, sequence, this.#log);
    if (sequence > last) {
      const ends = last === 0 ? "there is no log" : `the log ends with record ${last}`;
      return { code: "custody/truncated", subject: key, message: `${name} names record ${sequence}, but ${ends}`, fix: TAMPERED };
    }
    const there = this.#digests.get(sequence);
    // A gap is told of already.
    if (there === undefined || there === digest) return undefined;
    return {
      code: "custody/rewritten",
      subject: key,
      message: `${name} names record ${sequence} as ${digest}, but the log has ${there}`,
      fix: STOLEN,
    };
  }

  #missing(from: number, to: number): CustodyFinding {
    const which = from === to ? `record ${from} is` : `records ${from} to ${to} are`;
    return {
      code: "custody/missing",
      subject: custodyKey(this.#cluster, from, this.#log),
      message: `${which} missing, but later ones are there`,
      fix: TAMPERED,
    };
  }
}

/** Of what is no record itself that is told already; only one that is larger than any is known by what the next record says of it. */
function follows(
  { previous, previousBytes }: Pick<CustodyRecord, "previous" | "previousBytes">,
  before: { readonly digest: string; readonly isGood: boolean; readonly bytes: number | undefined },
): boolean {
  if (!before.isGood && (before.bytes === undefined || previousBytes === undefined)) return true;
  return previous === before.digest && previousBytes === before.bytes;
}

const TAMPERED =
  "find out who can write to the store and delete from it; leave the log as it is, and compare it with a replica, or with older versions where the store has them";
const STOLEN = `${TAMPERED}; if that was done with a key that is trusted, replace that key`;
