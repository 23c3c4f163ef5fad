import { encodeEnvelope, preAuthEncoding } from "../../documents/envelope.ts";
import { STATEMENT_PAYLOAD_TYPE, statementOf } from "../../documents/statement.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import { mapConcurrently } from "../../map-concurrently.ts";
import { isFault } from "../../vault/custody/records.ts";
import type { FoundRecord } from "../../vault/custody/records.ts";
import { readRecords } from "../../vault/custody/records.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import type { Vault } from "../../vault/vault.ts";

export interface ExportCustodyOptions {
  /** Records of this time and later. */
  readonly since?: Date | undefined;
  /** So many of the newest. */
  readonly limit?: number | undefined;
  /** Told of each record that is not believed: of it nothing is stated. */
  readonly onUnbelieved: (found: FoundRecord) => void;
}

/** Eight signatures at a time: keys in KMS answer within some 30 ms, and sign 300 to 1,000 times a second for a whole account. */
const SIGNED_AT_ONCE = 8;

/**
 * Each record of a cluster's log that is believed as an in-toto Statement in a DSSE envelope, signed with the audit key, one line of JSON each, in order. Whether the log is whole is for `verifyCustody`. Throws `config/invalid` where the
 * key here is no trusted audit key, `store/...`, and the errors of the keys.
 */
export async function* exportCustody(
  ports: Vault & { readonly keys: KeyRing },
  cluster: string,
  { since, limit, onUnbelieved }: ExportCustodyOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const lines = mapConcurrently(readRecords(ports, cluster, { last: limit }), SIGNED_AT_ONCE, async (found) => {
    const { key, digest, record } = found;
    if (isFault(record)) return found;
    if (since !== undefined && new Date(record.time) < since) return undefined;
    const payload = Buffer.from(JSON.stringify(statementOf({ key, digest, record }, ports.blobs.location)));
    const { signature, publicKey } = await ports.keys.sign("audit", preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload));
    return encodeEnvelope({ payloadType: STATEMENT_PAYLOAD_TYPE, payload, keyId: publicKey.fingerprint, signature });
  });
  for await (const line of lines) {
    if (line === undefined) continue;
    if (line instanceof Uint8Array) yield line;
    else onUnbelieved(line);
  }
}
