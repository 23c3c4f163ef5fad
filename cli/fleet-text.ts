import { ageText } from "../shared/age-text.ts";
import { labelsText } from "../shared/config/labels.ts";
import type { ClusterConfig } from "../shared/config/schema.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError } from "../shared/errors.ts";
import type { FleetPlan } from "../shared/jobs/listing/apply.ts";
import type { ClusterChange, SettingChange } from "../shared/jobs/listing/changes.ts";
import type { FleetList } from "../shared/vault/fleet-list.ts";
import { printable } from "./format.ts";

/** What `lifeboat fleet` prints. */

/** `+`, `-` or `~` and a cluster, below one that is changed its settings; last how many there are of each. */
export function changesText({ changes, wanted }: Pick<FleetPlan, "changes" | "wanted">): string {
  const count = (kind: ClusterChange["change"]): number => changes.filter(({ change }) => change === kind).length;
  const same = wanted.names.length - count("added") - count("changed");
  const total =
    changes.length === 0 ? "nothing to change" : `${count("added")} to add, ${count("changed")} to change, ${count("removed")} to remove`;
  return printable([...changes.map(changeText), `${total}; ${same} as they are`].join("\n"));
}

function changeText({ cluster, change, settings }: ClusterChange): string {
  if (change === "added") return `+ ${cluster}  ${settings.map(({ setting, after }) => `${setting}: ${after}`).join("; ")}`;
  if (change === "removed") return `- ${cluster}`;
  return [`~ ${cluster}`, ...settings.map(settingText)].join("\n");
}

function settingText({ setting, before, after }: SettingChange): string {
  return `    ${setting}: ${before ?? "(default)"} -> ${after ?? "(default)"}`;
}

export const LIST_HEAD = ["CLUSTER", "LABELS", "NETWORK", "SCHEDULE", "RPO", "ENDPOINTS"];

type ListedJson = JsonDocument<"fleetLs">["clusters"][number];

interface ListRow {
  readonly json: ListedJson;
  /** The same for the table. */
  readonly texts: readonly string[];
}

export function listRows(list: FleetList): readonly ListRow[] {
  return list.names.map((cluster) => rowOf(list, cluster));
}

function rowOf(list: FleetList, cluster: string): ListRow {
  try {
    const config = list.cluster(cluster);
    if (config === undefined) throw new Error(`${list.key} has no cluster ${cluster}`);
    const { labels, endpoints, rpo } = config;
    const [network, schedule] = [networkOf(config), scheduleOf(config)];
    return {
      json: { cluster, labels, endpoints, network, schedule, rpoSeconds: Math.round(rpo / 1000), error: null },
      texts: [cluster, labelsText(labels), network, schedule, ageText(rpo), endpoints.join(" ")],
    };
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    const { code, message } = error;
    const nothing = { labels: {}, endpoints: [], network: null, schedule: null, rpoSeconds: null };
    return { json: { cluster, ...nothing, error: { code, message } }, texts: [cluster, "", "", "", "", "not understood"] };
  }
}

function networkOf({ service }: ClusterConfig): string {
  return service.network;
}

function scheduleOf({ schedule }: ClusterConfig): string {
  return "rate" in schedule ? `every ${ageText(schedule.rate)}` : `${schedule.cron} ${schedule.timeZone}`;
}
