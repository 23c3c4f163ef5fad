import type { LoadedConfig } from "../../shared/config/load.ts";
import { checkStores, type StoreReport } from "../../shared/jobs/doctor/check-store.ts";
import { checkRepository } from "../../shared/jobs/doctor/check-repository.ts";
import type { DoctorFinding } from "../../shared/jobs/doctor/finding.ts";
import { judgeWriter } from "../../shared/jobs/doctor/judge-writer.ts";
import type { PlaceFacts } from "../../shared/vault/place/judge-place.ts";
import type { BucketFacts, FolderFacts, StoreFacts } from "../../shared/store/store-inspector.ts";
import { isUnreadable, type MaybeUnreadable } from "../../shared/unreadable.ts";
import { openInspectors } from "../../shared/wire/doctor.ts";
import type { Surroundings } from "../../shared/wire/ports.ts";
import { formatBytes, formatFields, formatTime } from "../format.ts";
import { withNulls } from "../with-nulls.ts";
import type { Outcome, RunCheck } from "./outcome.ts";

type Marker = NonNullable<Outcome<"store">["json"]>[number]["marker"];

/** `lifeboat doctor --store`. */
export const runStore: RunCheck<"store"> = async ({ console, surroundings }, loaded) => {
  const { stores } = await openInspectors(loaded, surroundings);
  const reports = await checkStores(stores, console.signal);
  return {
    text: reports.map(describe).join("\n\n"),
    json: reports.map(({ name, location, facts, place }) => ({
      name,
      location,
      facts: facts === undefined ? null : withNulls(facts),
      marker: place === undefined ? null : markerToJson(place),
    })),
    findings: [
      ...judgeWriter(loaded.config.store.kind),
      ...reports.flatMap(({ findings }) => findings),
      ...(await lookAtRepository(loaded, surroundings)),
    ],
  };
};

async function lookAtRepository(loaded: LoadedConfig, surroundings: Surroundings): Promise<readonly DoctorFinding[]> {
  const { store } = loaded.config;
  if (store.kind !== "kopia") return [];
  const { openRepositoryToCheck } = await import("../../shared/wire/kopia-admin.ts");
  const { open, wanted } = openRepositoryToCheck(loaded, store, surroundings);
  return checkRepository(open, wanted, surroundings.clock.now());
}

function describe({ name, location, facts, place }: StoreReport): string {
  const marker: [string, string][] = place === undefined ? [] : [["store id", describeMarker(place)]];
  return formatFields([[name, location], ...marker, ...(facts === undefined ? [] : fieldsOf(facts))]);
}

function describeMarker({ marker }: PlaceFacts): string {
  if (marker === "absent") return "none yet";
  if (marker instanceof Error) return "not seen (denied)";
  const { store, createdAt, doubt } = marker;
  if (doubt !== undefined) return "not believed";
  return `${store}, since ${formatTime(createdAt ?? "")}`;
}

/** `store` and `createdAt` only of a marker that is believed. */
function markerToJson({ marker, known, mustExist }: PlaceFacts): Marker {
  const rest = { known: known?.store ?? null, mustExist };
  if (marker === "absent") return { state: "absent", store: null, createdAt: null, ...rest };
  if (marker instanceof Error) return { state: "denied", store: null, createdAt: null, ...rest };
  const { store = null, createdAt = null, doubt } = marker;
  return doubt === undefined
    ? { state: "believed", store, createdAt, ...rest }
    : { state: "doubted", store: null, createdAt: null, ...rest };
}

function fieldsOf(facts: StoreFacts): [string, string][] {
  return facts.kind === "bucket" ? bucketFields(facts) : folderFields(facts);
}

function bucketFields(facts: BucketFacts): [string, string][] {
  const { ownLock } = facts;
  return [
    ["versioning", describeFact(facts.versioning, (status) => status)],
    ["Object Lock", describeFact(facts.objectLock, (lock) => (lock === undefined ? "off" : describeRetention(lock.retention)))],
    ["store.lock", ownLock === undefined ? "not set" : `${ownLock.mode}, ${describeDays(ownLock.days)}`],
    ["public access", describeFact(facts.publicAccessBlock, (on) => (on.length === 0 ? "not blocked" : `blocked by ${on.join(", ")}`))],
    ["policy", describeFact(facts.policy, (policy) => (policy === undefined ? "none" : "see the findings"))],
    ["lifecycle", describeFact(facts.lifecycle, (rules) => (rules.length === 0 ? "no rules" : rules.map(({ id }) => id).join(", ")))],
    [
      "encryption",
      describeFact(facts.encryption, (rule) => (rule === undefined ? "none" : [rule.algorithm, rule.key ?? ""].join(" ").trim())),
    ],
    ["ownership", describeFact(facts.ownership, (ownership) => ownership ?? "not set")],
  ];
}

function folderFields({ mode, isWritable, freeBytes, isInMemory }: FolderFacts): [string, string][] {
  return [
    [
      "folder",
      mode === undefined ? "not there yet" : `mode ${mode.toString(8).padStart(4, "0")}, ${isWritable ? "writable" : "not writable"}`,
    ],
    ["free", `${formatBytes(freeBytes)}${isInMemory ? ", in memory" : ""}`],
  ];
}

function describeRetention(retention: { readonly mode: string; readonly days: number } | undefined): string {
  return retention === undefined ? "on, without a default retention" : `on, ${retention.mode}, ${describeDays(retention.days)}`;
}

function describeDays(days: number): string {
  return days === 1 ? "1 day" : `${days} days`;
}

function describeFact<T>(fact: MaybeUnreadable<T>, say: (value: T) => string): string {
  return isUnreadable(fact) ? `not seen (${fact.unseen})` : say(fact);
}
