import type { TrustedKeys } from "../../documents/signed-document.ts";
import type { CustodyFinding } from "./finding.ts";
import type { FoundRecord } from "./records.ts";
import { linkOf, testifies } from "./witness.ts";
import type { Link } from "./witness.ts";

interface Waiting extends Link {
  readonly key: string;
}

/** Of a whole log, the records by keys with an end that no other key witnesses to have been there by then. Fed with each record in order. */
export class RetiredCheck {
  readonly #ends: NonNullable<TrustedKeys["ends"]>;
  /** Since the last record by a key without an end. */
  #waiting: Waiting[] = [];
  #last: Link | undefined;
  readonly #forged: Waiting[] = [];

  constructor({ ends = {} }: TrustedKeys) {
    this.#ends = ends;
  }

  add(found: FoundRecord): void {
    const link = linkOf(found);
    if (link === undefined || link.previous !== this.#last?.digest) this.#fail();
    this.#last = link;
    if (link === undefined) return;
    if (this.#ends[link.signer] !== undefined) {
      this.#waiting.push({ ...link, key: found.key });
      return;
    }
    this.#waiting = this.#waiting.filter((each) => testifies(link, this.#endOf(each), this.#ends) !== true);
    this.#fail();
  }

  /** To be asked at the end. */
  findings(): readonly CustodyFinding[] {
    return [...this.#forged, ...this.#waiting].map((each) => ({
      code: "custody/forged",
      subject: each.key,
      message: `record ${each.sequence} is signed by ${each.signer}, which is trusted only until ${this.#endOf(each)}, and no later record that another key signed by then confirms it`,
      fix: FIX,
    }));
  }

  #endOf({ signer }: Link): string {
    return this.#ends[signer] ?? "";
  }

  #fail(): void {
    this.#forged.push(...this.#waiting);
    this.#waiting = [];
  }
}

const FIX =
  "do not believe it: whoever wrote it has the key that was replaced; if it is yours, set notAfter of that key to a time after the next record of another key";
