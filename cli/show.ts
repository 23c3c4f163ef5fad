import { standings } from "../shared/jobs/copy/standing.ts";
import { standingOf } from "../shared/vault/lineage/standing.ts";
import type { LineageStanding } from "../shared/vault/lineage/standing.ts";
import type { Standing } from "../shared/jobs/copy/standing.ts";
import { showSnapshot } from "../shared/jobs/inspect/show.ts";
import type { Shown } from "../shared/jobs/inspect/show.ts";
import { confirmedBy } from "../shared/documents/good.ts";
import { UNKNOWN_MEMBER } from "../shared/etcd/cluster-facts.ts";
import { restoreWarnings } from "../shared/documents/attention.ts";
import { describeValue } from "../shared/unknown-values.ts";
import { TRIGGERS } from "../shared/documents/manifest.ts";
import { WRAPPING_KINDS } from "../shared/documents/parts.ts";
import { TRAILER_BYTES } from "../shared/snapshot/trailer.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note } from "./console.ts";
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
import { formatBytes, formatFields, formatTime, printable } from "./format.ts";
import { explainGood, goodJson } from "./goodness.ts";
import { attentionJson } from "./lineages.ts";
import { commandLine, FROM_FLAG, FROM_HELP, orPointToReplica } from "./from-replica.ts";
import { badPinsJson, explainPin, isSuspicious, pinJson } from "./pins.ts";
import { standingFields } from "./replicas.ts";
import { describeConfirmation } from "./verified.ts";

/** `lifeboat show`. */
export const registerShow: Register = (program, run) => {
  program
    .command("show")
    .summary("show the details of a snapshot")
    .description(
      "Check the signature of a snapshot's manifest and show the manifest. Also show which replicas have the snapshot. Reads metadata only.",
    )
    .argument("<ref>", "which snapshot")
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat show prod/latest`)
    .action((ref: string, { from }: { readonly from?: string }) =>
      run(async (session) => {
        const ports = await session.openToRead(from);
        const shown = await orPointToReplica(session, ports, { ref, from, words: (name) => ["show", name] }, () =>
          showSnapshot(ports, ref),
        );
        const replicas = await standings(ports, shown);
        const standing = await standingOf(ports, shown.manifest.cluster, shown.manifest.lineage, session.console.signal);
        if (session.json)
          printJson(session.console, "show", {
            ref: `${shown.manifest.cluster}/${shown.manifest.id}`,
            manifest: shown.manifest,
            manifestDigest: shown.digest,
            ...goodJson(shown.lacks),
            lineageAccepted: standing.accepted ?? null,
            lineageAttention: attentionJson(shown.manifest.cluster, standing),
            confirmed: confirmedBy(shown.verifications) ?? null,
            verifications: shown.verifications,
            addedWrappings: shown.addedWrappings ?? null,
            badCountersignatures: shown.badCountersignatures.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
            ...pinJson(shown.pin),
            badPins: badPinsJson(shown.pin.doubts),
            data: { state: shown.data.state, bytes: shown.data.bytes ?? null, reason: shown.data.reason ?? null },
            replicas: replicas.map((each) => ({ ...each, reason: each.reason ?? null })),
            from: from ?? null,
          });
        else print(session.console, formatFields([...fieldsOf(shown, standing), ...standingFields(replicas)]));
        if (standing.warning !== undefined) note(session.console, `warning: ${standing.warning}`);
        for (const words of restoreWarnings(shown.manifest)) note(session.console, `warning: ${words}`);
        for (const { key, error } of shown.badCountersignatures) note(session.console, `warning: ${key}: ${error.message}`);
        for (const { message } of shown.pin.doubts) note(session.console, `warning: ${printable(message)}`);
        const isDamaged = shown.data.state === "missing" || shown.data.state === "wrong-size";
        if (isDamaged) warnOfDamage(session, shown, from === undefined ? replicas : []);
        return isDamaged ||
          shown.badCountersignatures.length > 0 ||
          shown.pin.doubts.some(isSuspicious) ||
          replicas.some(({ state }) => state === "different" || state === "incomplete")
          ? 6
          : 0;
      }),
    );
};

function warnOfDamage(session: Session, { manifest, data }: Shown, replicas: readonly Standing[]): void {
  const name = `${manifest.cluster}/${manifest.id}`;
  note(session.console, `warning: the data of ${name} is ${describeData(manifest, data)}: it cannot be restored from here`);
  for (const { name: replica, state } of replicas)
    if (state === "present")
      note(session.console, `hint: the replica ${replica} has a copy: ${commandLine(session, ["verify", name, "--from", replica])}`);
}

/** `missing`; `of the wrong size: 12 bytes in place of 34`. */
function describeData({ stored }: Shown["manifest"], { state, bytes, reason }: Shown["data"]): string {
  if (state === "wrong-size") return `of the wrong size: ${bytes} bytes in place of ${stored.bytes}`;
  return reason === undefined ? state : `${state}: ${reason}`;
}

/** What members said to the verifier: of the verification that they confirmed, else of the newest. */
function confirmationFields(verifications: Shown["verifications"]): [string, string][] {
  const told = verifications.findLast(({ confirmed }) => confirmed === "members") ?? verifications.at(-1);
  return told === undefined ? [] : [["confirmed", describeConfirmation(told)]];
}

function describeElsewhere(stored: Exclude<Shown["manifest"]["stored"], { readonly kind: "sealed" }>): string {
  if (stored.kind === "kopia") return `kopia repository ${stored.repository}, snapshot ${stored.snapshot}`;
  return `${stored.kind} (of a later version, which alone can open it)`;
}

function fieldsOf(
  { manifest, digest, lacks, verifications, addedWrappings, data, pin }: Shown,
  { accepted }: LineageStanding,
): [string, string][] {
  const { etcd, snapshot, stored } = manifest;
  return [
    ["snapshot", `${manifest.cluster}/${manifest.id}`],
    ["good", explainGood(lacks)],
    ["taken", `${formatTime(manifest.startedAt)} by ${manifest.tool.name} ${manifest.tool.version}`],
    ["slot", `${formatTime(manifest.slot.time)} (${describeValue(TRIGGERS, manifest.slot.trigger)})`],
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
          ["data", describeData(manifest, data)],
          ["stored digest", stored.sha256],
          [
            "opened by",
            [
              ...[...stored.encryption.wrappings, ...(addedWrappings ?? [])].map(
                (each) => `${describeValue(WRAPPING_KINDS, each.kind)} key ${each.key}`,
              ),
              ...stored.encryption.breakGlass.map((each) => `break-glass ${each}`),
              ...(addedWrappings === undefined ? ["keys that were added since, which this role may not see"] : []),
            ].join(", "),
          ],
        ] satisfies [string, string][])
      : ([["stored", describeElsewhere(stored)]] satisfies [string, string][])),
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
    ...confirmationFields(verifications),
    ["pinned", explainPin(pin)],
  ];
}
