import { Validations } from "aws-cdk-lib";
import type { App } from "aws-cdk-lib";
import { DEFAULT_CROSS_STACK_REFERENCES } from "aws-cdk-lib/cx-api";
import { AwsSolutionsChecks } from "cdk-nag";
import { AuditStack } from "./audit-stack.ts";
import type { Deployment } from "./deployment.ts";
import { DeskStack } from "./desk-stack.ts";
import { DrillStack } from "./drill-stack.ts";
import { FleetStack } from "./fleet-stack.ts";
import { KeeperStack } from "./keeper-stack.ts";
import { ServiceStack } from "./service-stack.ts";
import { VaultStack } from "./vault-stack.ts";

/** The stacks of a deployment; undefined for those that are not asked for. */
export interface Stacks {
  readonly vault: VaultStack;
  /** A fleet's where `service.fleet` says so. */
  readonly service: ServiceStack | FleetStack;
  readonly keeper: KeeperStack;
  readonly audit: AuditStack;
  readonly desk: DeskStack | undefined;
  readonly drill: DrillStack | undefined;
}

/** Puts a vault, a service, a keeper, an audit and, where they are asked for, a desk and drills for `deployment` into an empty app, checked by cdk-nag when it is synthesized. */
export function buildApp(app: App, deployment: Deployment): Stacks {
  // The service asks for the ARNs of the vault's keys, and so keeps these from being deleted under it.
  app.node.setContext(DEFAULT_CROSS_STACK_REFERENCES, "strong");
  const { name, desk: settings } = deployment.service;
  const vault = new VaultStack(app, `${name}-vault`, { deployment });
  const Service = deployment.service.fleet === undefined ? ServiceStack : FleetStack;
  const service = new Service(app, `${name}-service`, { deployment, vault: vault.vault });
  const { notifications } = service;
  const keeper = new KeeperStack(app, `${name}-keeper`, { deployment, vault: vault.vault, notifications });
  const audit = new AuditStack(app, `${name}-audit`, { deployment, vault: vault.vault, notifications });
  const desk = settings.enabled ? new DeskStack(app, `${name}-desk`, { deployment, vault: vault.vault, notifications }) : undefined;
  const drill =
    deployment.drill === undefined
      ? undefined
      : new DrillStack(app, `${name}-drill`, { deployment, drill: deployment.drill, vault: vault.vault, notifications });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { vault, service, keeper, audit, desk, drill };
}
