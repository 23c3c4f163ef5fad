import { Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { auditAlarmNames } from "./constructs/audit-names.ts";
import { BackupFleet } from "./constructs/backup-fleet.ts";
import { deskAlarmNames } from "./constructs/desk-names.ts";
import { drillAlarmNames } from "./constructs/drill-names.ts";
import { keeperAlarmNames } from "./constructs/keeper-names.ts";
import { Notifications } from "./constructs/notifications.ts";
import { ServiceDashboard } from "./constructs/service-dashboard.ts";
import { ServiceEndpoints } from "./constructs/service-endpoints.ts";
import { UndeliveredAlarm } from "./constructs/undelivered-alarm.ts";
import type { Deployment } from "./deployment.ts";
import { backupFleetProps } from "./props.ts";
import { warnOfWhatIsMissing } from "./service-stack.ts";
import type { ServiceStackProps } from "./service-stack.ts";

/** What runs for all clusters that the store lists, in the place of `ServiceStack`: as many resources for one as for a thousand. It can be deleted and deployed anew. */
export class FleetStack extends Stack {
  /** Where people are told: the stacks of the keeper and the audit tell the same. */
  readonly notifications: Notifications;
  /** The backups. */
  readonly fleet: BackupFleet;

  constructor(scope: Construct, id: string, { deployment, vault, ...props }: ServiceStackProps) {
    super(scope, id, {
      description: "etcd-lifeboat: backs a fleet of etcd clusters up",
      env: { region: deployment.store.region },
      ...props,
    });
    const { service } = deployment;
    warnOfWhatIsMissing(this, deployment);
    const notifications = new Notifications(this, "Notices", { emails: service.notify });
    this.notifications = notifications;
    const fleetProps = backupFleetProps(this, deployment);
    this.#endpoints(deployment, fleetProps.networks ?? {});
    this.fleet = new BackupFleet(this, "Fleet", { ...fleetProps, vault, notifications });
    const undelivered = new UndeliveredAlarm(this, "Undelivered", { notifications, serviceName: service.name, runbook: service.runbook });
    const hasDesk = service.desk.enabled;
    new ServiceDashboard(this, "Dashboard", {
      serviceName: service.name,
      clusters: [],
      hasDesk,
      alarmNames: [
        undelivered.alarmName,
        ...this.fleet.alarmNames,
        ...keeperAlarmNames(service.name, []),
        ...Object.values(auditAlarmNames(service.name)),
        ...(deployment.drill === undefined ? [] : drillAlarmNames(service.name, true)),
        ...(hasDesk ? deskAlarmNames(service.name, []) : []),
      ],
      runbook: service.runbook,
    });
  }

  /** A network without NAT has doors of its own; which of the two services keeps its secrets only the list knows. */
  #endpoints({ service }: Deployment, placements: NonNullable<ReturnType<typeof backupFleetProps>["networks"]>): void {
    const settings = { ...(service.network === undefined ? {} : { default: service.network }), ...service.fleet?.networks };
    for (const [name, { nat, routeTables }] of Object.entries(settings)) {
      const network = placements[name];
      if (nat || network === undefined) continue;
      new ServiceEndpoints(this, name === "default" ? "Network" : `Network-${name}`, {
        network,
        routeTableIds: routeTables,
        secretServices: ["secretsmanager", "ssm"],
      });
    }
  }
}
