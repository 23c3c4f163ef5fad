import type { CustodyRecord } from "./custody-record.ts";

/**
 * A record of the custody log as an in-toto Statement (https://github.com/in-toto/attestation/blob/v1.1.2/spec/v1/statement.md): what tools of that ecosystem read. The record's own signature is over another payload type, so that a
 * statement is signed anew, by the role that read and believed the record.
 */

/** The payload type of an in-toto Statement in a DSSE envelope. */
export const STATEMENT_PAYLOAD_TYPE = "application/vnd.in-toto+json";

/** A name and no address: docs/format.md says what it stands for. */
export const CUSTODY_PREDICATE = "urn:etcd-lifeboat:custody:v1";

/** A statement is about objects by their digests. */
interface Subject {
  readonly name: string;
  readonly digest: { readonly sha256: string };
}

export interface Statement {
  readonly _type: "https://in-toto.io/Statement/v1";
  readonly subject: readonly [Subject, ...Subject[]];
  readonly predicateType: typeof CUSTODY_PREDICATE;
  readonly predicate: { readonly location: string; readonly record: CustodyRecord };
}

/**
 * The statement about a record at `key`, whose object has this digest: it is the first subject, and those of the record's own subjects follow whose digest it knows. What it announces has none yet, and is in the predicate alone, which
 * holds the whole record. `location`: of the store, for people.
 */
export function statementOf(
  { key, digest, record }: { readonly key: string; readonly digest: string; readonly record: CustodyRecord },
  location: string,
): Statement {
  const named = record.subjects.flatMap((each) => (each.digest === undefined ? [] : [subjectOf(each.key, each.digest)]));
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [subjectOf(key, digest), ...named],
    predicateType: CUSTODY_PREDICATE,
    predicate: { location, record },
  };
}

function subjectOf(name: string, digest: string): Subject {
  return { name, digest: { sha256: digest.slice("sha256:".length) } };
}
