import { standings } from "../shared/jobs/copy/standing.ts";
import { standingOf } from "../shared/jobs/lineage-standing.ts";
import type { LineageStanding } from "../shared/jobs/lineage-standing.ts";
import { showSnapshot } from "../shared/jobs/show.ts";
import type { Shown } from "../shared/jobs/show.ts";
import { UNKNOWN_MEMBER } from "../shared/etcd/cluster-facts.ts";
import { restoreWarnings } from "../shared/manifest/attention.ts";
import { TRAILER_BYTES } from "../shared/snapshot/trailer.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { print, printJson, tell } from "./console.ts";
import {
  describeAlarms,
  describeContent,
  describeKeys,
  describeReceipt,
  describeRevision,
  describeSource,
  explainProof,
  explainVotes,
} from "./describe.ts";
import { formatBytes, formatFields, formatTime } from "./format.ts";
import { attentionJson } from "./lineages.ts";
import { standingFields } from "./replicas.ts";

/** `lifeboat show`. */
export const registerShow: Register = (program, run) => {
  program
    .command("show")
    .summary("show what is known of a snapshot")
    .description("Show a snapshot's manifest, its signature checked, and where it stands in replicas. Reads metadata only.")
    .argument("<ref>", "which snapshot")
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat show prod/latest`)
    .action((ref: string) =>
      run(async (session) => {
        const ports = await session.openToRead();
        const shown = await showSnapshot(ports, ref);
        const replicas = await standings(ports, shown);
        const standing = await standingOf(ports, shown.manifest.cluster, shown.manifest.lineage, session.console.signal);
        if (session.json)
          printJson(session.console, "show", {
            ref: `${shown.manifest.cluster}/${shown.manifest.id}`,
            manifest: shown.manifest,
            manifestDigest: shown.digest,
            lineageAccepted: standing.accepted ?? null,
            lineageAttention: attentionJson(shown.manifest.cluster, standing),
            verifications: shown.verifications,
            addedWrappings: shown.addedWrappings ?? null,
            badCountersignatures: shown.badCountersignatures.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
            replicas: replicas.map((each) => ({ ...each, reason: each.reason ?? null })),
          });
        else print(session.console, formatFields([...fieldsOf(shown, standing), ...standingFields(replicas)]));
        if (standing.warning !== undefined) tell(session.console, `warning: ${standing.warning}`);
        for (const words of restoreWarnings(shown.manifest)) tell(session.console, `warning: ${words}`);
        for (const { key, error } of shown.badCountersignatures) tell(session.console, `warning: ${key}: ${error.message}`);
        return shown.badCountersignatures.length > 0 || replicas.some(({ state }) => state === "different" || state === "incomplete")
          ? 6
          : 0;
      }),
    );
};

function fieldsOf({ manifest, digest, verifications, addedWrappings }: Shown, { accepted }: LineageStanding): [string, string][] {
  const { etcd, snapshot, stored } = manifest;
  return [
    ["snapshot", `${manifest.cluster}/${manifest.id}`],
    ["taken", `${formatTime(manifest.startedAt)} by ${manifest.tool.name} ${manifest.tool.version}`],
    ["slot", `${formatTime(manifest.slot.time)} (${manifest.slot.trigger})`],
    ["etcd cluster", `${etcd.clusterId}, lineage ${manifest.lineage}${accepted === false ? " (NOT ACCEPTED)" : ""}`],
    [
      "from",
      `${describeSource(manifest)} (${etcd.source.memberId === UNKNOWN_MEMBER ? "" : `${etcd.source.memberId}, `}${etcd.source.endpoint}, etcd ${etcd.source.version}${etcd.source.isLeader ? ", leader" : ""})`,
    ],
    ["members", etcd.members.map((each) => `${each.name === "" ? each.id : each.name}${each.isLearner ? " (learner)" : ""}`).join(", ")],
    ["revision", describeRevision(manifest)],
    ["keys", describeKeys(manifest)],
    ["content", describeContent(manifest)],
    ["alarms", describeAlarms(manifest)],
    ["database", `${formatBytes(snapshot.bytes - TRAILER_BYTES)} (${snapshot.bytes - TRAILER_BYTES} bytes)`],
    ["snapshot digest", snapshot.sha256],
    ...(stored.kind === "sealed"
      ? ([
          ["stored", `${stored.key} (${formatBytes(stored.bytes)})`],
          ["stored digest", stored.sha256],
          [
            "opened by",
            [
              ...[...stored.encryption.wrappings, ...(addedWrappings ?? [])].map((each) => `${each.kind} key ${each.key}`),
              ...stored.encryption.breakGlass.map((each) => `break-glass ${each}`),
              ...(addedWrappings === undefined ? ["keys that were added since, which this role may not see"] : []),
            ].join(", "),
          ],
        ] satisfies [string, string][])
      : ([["stored", `kopia repository ${stored.repository}, snapshot ${stored.snapshot}`]] satisfies [string, string][])),
    ["proof", explainProof(manifest)],
    ...explainVotes(manifest),
    ...(manifest.quarantine === undefined ? [] : ([["quarantined", manifest.quarantine.reasons.join("; ")]] satisfies [string, string][])),
    ["signed by", manifest.signer.fingerprint],
    ["manifest", digest],
    ["custody", manifest.custody === undefined ? "none: the custody log does not account for it" : describeReceipt(manifest.custody)],
    [
      "verified",
      verifications.length === 0
        ? "no: run lifeboat verify --deep"
        : verifications.map((each) => `${formatTime(each.verifiedAt)} by ${each.signer.fingerprint}`).join(", "),
    ],
  ];
}
