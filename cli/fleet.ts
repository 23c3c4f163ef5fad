import type { Command } from "commander";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { LifeboatError } from "../shared/errors.ts";
import { hasLabels, parseLabels } from "../shared/config/labels.ts";
import { applyFleet, planFleet } from "../shared/jobs/listing/apply.ts";
import type { FleetPlan } from "../shared/jobs/listing/apply.ts";
import { wantedList } from "../shared/jobs/listing/wanted.ts";
import { readFleetLists } from "../shared/vault/fleet-list.ts";
import type { FleetList } from "../shared/vault/fleet-list.ts";
import { readReferencedFile } from "../shared/wire/references.ts";
import type { Register, Run, Session } from "./command.ts";
import { note, print, printJson, widthOf } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { changesText, listRows, LIST_HEAD } from "./fleet-text.ts";
import { formatTable, formatTime, printable } from "./format.ts";
import { addLabelOption } from "./label-option.ts";
import type { LabelOptions } from "./label-option.ts";

/** `lifeboat fleet`: the list of the clusters that a service backs up. */
export const registerFleet: Register = (program, run) => {
  const fleet = program
    .command("fleet")
    .summary("say which clusters a service backs up")
    .description(
      "Show, plan and write the list of the clusters that a service with service.fleet backs up. It is a signed object in the store, so that a cluster is added without a deployment.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ lifeboat fleet plan\n  $ lifeboat fleet apply --config lifeboat.yaml --config team-a.yaml\n  $ lifeboat fleet ls --label team=a",
    );
  addPlan(fleet, run);
  addApply(fleet, run);
  addLs(fleet, run);
};

function addPlan(fleet: Command, run: Run): void {
  fleet
    .command("plan")
    .summary("show what the configuration would change of the list in force")
    .description(
      "Show which clusters the configuration would add to the list in force, remove from it or change, and how. Refuses what the service could not follow, such as a secret in a file of this machine. Writes nothing. The exit code is 6 if a list in the store is not believed.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat fleet plan --config lifeboat.yaml --config team-a.yaml")
    .action(() =>
      run(async (session) => {
        const loaded = await session.loadConfig();
        const wanted = await wantedList(loaded, readReferencedFile);
        const ports = await session.openToRead();
        const plan = await planFleet(ports, wanted, ports.signal);
        if (session.json) printJson(session.console, "fleetPlan", planJson(plan));
        else print(session.console, `${standing(plan.inForce, ports.blobs.location)}\n${changesText(plan)}`);
        return warn(session, plan);
      }),
    );
}

interface ApplyOptions {
  readonly remove?: boolean;
  readonly on?: string;
}

function addApply(fleet: Command, run: Run): void {
  fleet
    .command("apply")
    .summary("put the clusters of the configuration in force")
    .description(
      "Sign the list of all clusters of the configuration with the bundle key, and put it into the store as the next one. The service follows it from its next start on. Of two at the same time one fails. Nothing is written where nothing is to change.",
    )
    .option("--remove", "let clusters go from the list; what is stored of them stays")
    .option("--on <number>", "only if this list is in force, as fleet plan printed it (0: none)")
    .addHelpText("after", "\nExample:\n  $ lifeboat fleet apply --on 7")
    .action((options: ApplyOptions) =>
      run(async (session) => {
        const on = parseNumber(options.on);
        const loaded = await session.loadConfig();
        const wanted = await wantedList(loaded, readReferencedFile);
        const ports = await session.openPorts();
        const { signal } = session.console;
        const { applied, ...plan } = await applyFleet(ports, wanted, { removes: options.remove === true, on, signal });
        if (session.json) printJson(session.console, "fleetApply", { ...planJson(plan), applied: applied ?? null });
        else {
          const now = applied === undefined ? standing(plan.inForce, ports.blobs.location) : `applied ${applied.key} (${applied.digest})`;
          print(session.console, `${changesText(plan)}\n${now}`);
        }
        return warn(session, plan);
      }),
    );
}

function addLs(fleet: Command, run: Run): void {
  const command = fleet
    .command("ls")
    .summary("show the list in force")
    .description(
      "Show the clusters of the list in force, after its signature was checked. The exit code is 6 if a list in the store is not believed, or if this version does not understand the settings of a cluster.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat fleet ls --label team=a");
  addLabelOption(command).action(({ label = [] }: LabelOptions) =>
    run(async (session) => {
      const asked = parseLabels(label);
      const ports = await session.openToRead();
      const lists = await readFleetLists(ports, ports.signal);
      const { inForce } = lists;
      const rows = inForce === undefined ? [] : listRows(inForce).filter(({ json: { labels } }) => hasLabels(labels, asked));
      if (inForce !== undefined && rows.length === 0 && label.length > 0)
        throw new LifeboatError("usage", `no cluster of ${inForce.key} has --label ${label.join(" --label ")}`, {
          hint: "lifeboat fleet ls shows the labels of all",
        });
      if (session.json) printJson(session.console, "fleetLs", { ...standingJson(lists), clusters: rows.map(({ json }) => json) });
      else {
        print(session.console, standing(inForce, ports.blobs.location));
        if (rows.length > 0)
          print(
            session.console,
            formatTable(
              LIST_HEAD,
              rows.map(({ texts }) => texts),
              { width: widthOf(session.console.stdout), dispensable: ["NETWORK", "RPO", "SCHEDULE"] },
            ),
          );
      }
      for (const {
        json: { cluster, error },
      } of rows)
        if (error !== null) note(session.console, `warning: ${cluster}: ${printable(error.message)}`);
      const code = warn(session, lists);
      return rows.some(({ json: { error } }) => error !== null) ? 6 : code;
    }),
  );
}

function warn({ console }: Session, { unbelieved }: Pick<FleetPlan, "unbelieved">): ExitCode {
  for (const { message } of unbelieved) note(console, `warning: not believed, and passed over: ${printable(message)}`);
  return unbelieved.length > 0 ? 6 : 0;
}

function standing(inForce: FleetList | undefined, location: string): string {
  if (inForce === undefined) return `no list of clusters is in force in ${location}`;
  const { key, names, createdAt, by } = inForce;
  return printable(
    `${key} is in force: ${names.length} ${names.length === 1 ? "cluster" : "clusters"}, applied ${formatTime(createdAt)} by ${by}`,
  );
}

function standingJson({
  inForce,
  unbelieved,
}: Pick<FleetPlan, "inForce" | "unbelieved">): Pick<JsonDocument<"fleetLs">, "inForce" | "unbelieved"> {
  return {
    inForce:
      inForce === undefined
        ? null
        : {
            number: inForce.number,
            key: inForce.key,
            digest: inForce.digest,
            createdAt: inForce.createdAt,
            by: inForce.by,
            fingerprint: inForce.fingerprint,
          },
    unbelieved: unbelieved.map(({ code, message }) => ({ code, message })),
  };
}

function planJson(plan: FleetPlan): JsonDocument<"fleetPlan"> {
  return { ...standingJson(plan), clusters: plan.wanted.names.length, changes: plan.changes };
}

function parseNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^(0|[1-9]\d{0,5})$/.test(text)) return Number(text);
  throw new LifeboatError("usage", `--on "${text}" is not the number of a list`, { hint: "lifeboat fleet plan prints it" });
}
