import { deskName } from "../../shared/contract/service.ts";

/** What others have to know of the desk, which is in a stack of its own: they name its alarms, and import nothing. */

/** Its alarms, in the order in which it makes them. Their names are no cluster's alarms'. */
export function deskAlarmNames(serviceName: string, clusters: readonly string[]): readonly string[] {
  return [`${deskName(serviceName)}-errors`, ...clusters.map((cluster) => bundleAlarmName(serviceName, cluster))];
}

export function bundleAlarmName(serviceName: string, cluster: string): string {
  return `${serviceName}-${cluster}-bundle`;
}
