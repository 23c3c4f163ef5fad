import type { Judgement } from "../../audit/judge.ts";
import { verdictKey } from "../../documents/layout.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { idOfSlot } from "../../documents/slot.ts";
import type { Progress } from "../../progress.ts";
import { subjectOf } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import { publish } from "../../vault/publish.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { TOOL } from "../../version.ts";

/** So many may be signed in one second. */
const LAST_ORDINAL = 99;

/** Signs a verdict with the audit key, and puts it into the store; the custody log is told first. `found` is the snapshot that it is about. Throws `config/invalid` without a trusted audit key, `store/...`. */
export async function signVerdict(
  ports: CustodyPorts & { readonly progress: Progress },
  { cluster, at, verdict, loss, rtoMs, lines, notAsked }: Judgement,
  found: FoundManifest | undefined,
  signal?: AbortSignal,
): Promise<{ readonly key: string; readonly custody: CustodyReceipt }> {
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const custodian = new Custodian(ports, cluster, "audit");
  const judgedAt = new Date(at);
  const idOf = (ordinal: number): string => idOfSlot(new Date(Math.floor(at / 1000) * 1000), ordinal);
  try {
    const { key, custody } = await publish(ports, custodian, {
      kind: "verdict",
      place: { keyOf: (ordinal) => verdictKey(cluster, idOf(ordinal)), first: 1, last: LAST_ORDINAL },
      event: "judged",
      about: found === undefined ? [] : [subjectOf(found)],
      details: { reason: verdict },
      draft: (receipt, ordinal) => ({
        type: "verdict",
        formatVersion: FORMAT_VERSION,
        cluster,
        id: idOf(ordinal),
        judgedAt: judgedAt.toISOString(),
        verdict,
        ...(found === undefined ? {} : { snapshot: { id: found.manifest.id, manifestDigest: found.digest } }),
        ...(loss === undefined
          ? {}
          : { loss: { ms: loss.ms, ...(loss.writes === undefined ? {} : { writes: loss.writes, basis: loss.basis }) } }),
        ...(rtoMs === undefined ? {} : { rtoMs }),
        lines: lines.map((line) => ({ ...line, evidence: [...line.evidence] })),
        notAsked: [...notAsked],
        tool: TOOL,
        custody: receipt,
      }),
      onTaken: () => Promise.resolve({ reason: "another verdict was signed in the same second", about: [] }),
      signal,
    });
    return { key, custody };
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error);
    throw error;
  }
}
