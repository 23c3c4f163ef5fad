import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { MaintainEvent } from "../../shared/contract/events.ts";
import { HEADINGS } from "../runbook.ts";
import { KEEPER_SIZES, withKopia } from "../sizes.ts";
import { addAlarm, ONCE } from "./alarm.ts";
import { BackupFunction } from "./backup-function.ts";
import { maintenanceAlarmName } from "./keeper-names.ts";
import type { KopiaRepository } from "./kopia-access.ts";
import { maintenanceRole } from "./roles.ts";
import { ScheduledStart } from "./scheduled-start.ts";
import type { FunctionContext } from "./service-context.ts";
import type { ISnapshotVault } from "./vault.ts";

export interface KopiaMaintenanceProps {
  readonly context: FunctionContext;
  readonly vault: ISnapshotVault;
  readonly kopia: KopiaRepository;
}

const FIVE_MINUTES = Duration.minutes(5);
const DAY_MS = 86_400_000;

/** Runs the full maintenance of a Kopia repository each day, in a role of its own: no other may remove blobs, and it may sign and say nothing. */
export class KopiaMaintenance extends Construct {
  /** Where a run failed. */
  readonly alarmName: string;

  constructor(scope: Construct, id: string, { context, vault, kopia }: KopiaMaintenanceProps) {
    super(scope, id);
    const { serviceName, notifications, runbook } = context;
    const { function: made } = new BackupFunction(this, "Maintain", {
      context,
      name: "maintain",
      cluster: undefined,
      sizes: withKopia(KEEPER_SIZES),
      role: maintenanceRole(this, "Role", vault, kopia),
      network: undefined,
      layers: [kopia.layer],
    });
    // What failed is taken up by the next run.
    new EventInvokeConfig(this, "Once", { function: made, retryAttempts: 0 });
    const input: MaintainEvent = {};
    new ScheduledStart(this, "Daily", {
      description: `etcd-lifeboat: maintenance of the Kopia repository of ${serviceName}`,
      schedule: { expression: "rate(1 day)", timeZone: "UTC", longestGapMs: DAY_MS },
      flexibleMinutes: 60,
      target: { arn: made.functionArn, action: "lambda:InvokeFunction", input },
      notifications,
    });
    this.alarmName = maintenanceAlarmName(serviceName);
    addAlarm(this, "Errors", {
      ...ONCE,
      alarmName: this.alarmName,
      what: "the maintenance of the Kopia repository failed: space is not given back, and locks are not extended",
      heading: HEADINGS.maintenance,
      runbook,
      notifications,
      metric: made.metricErrors({ statistic: Stats.SUM, period: FIVE_MINUTES }),
    });
  }
}
