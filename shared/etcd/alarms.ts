import type { Alarm, EndpointStatus } from "./etcd-source.ts";

/** Every alarm that one of the statuses tells of, once: a member that is behind may not know of the latest yet. */
export function alarmsOf(statuses: readonly EndpointStatus[]): readonly Alarm[] {
  const each = new Map(statuses.flatMap(({ alarms }) => alarms).map((alarm) => [`${alarm.memberId} ${alarm.alarm}`, alarm]));
  return [...each.values()];
}
