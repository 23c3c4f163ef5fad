import type { BundleMember } from "../shared/bundle/members.ts";
import { ARCHITECTURES, DISTRIBUTIONS } from "../shared/bundle/plan.ts";
import { findCluster } from "../shared/config/find-cluster.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import type { DeskEvent } from "../shared/contract/events.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { requireReason } from "../shared/jobs/reason.ts";
import { collect, oneOf, validFor } from "./bundle-options.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { printable } from "./format.ts";
import { deskText } from "./invoke-bundle-text.ts";

interface Options {
  readonly recipient: readonly string[];
  readonly unenrolled: readonly string[];
  readonly reason: string;
  readonly nodes?: string;
  readonly withoutNodeFiles?: boolean;
  readonly arch?: string;
  readonly for: string;
  readonly valid: string;
}

/** `lifeboat invoke bundle`, a command of `lifeboat invoke`. */
export const registerInvokeBundle: Register = (invoke, run) => {
  invoke
    .command("bundle")
    .summary("have the desk make a restore bundle")
    .description(
      "Have the desk of the deployed service make a restore bundle, as lifeboat bundle --publish does, without the keys: they stay with the desk. Prints the addresses of the files and what to type on the nodes. Everybody whom the service notifies hears of it. Needs lambda:InvokeFunction on SERVICE-desk, with a second factor where the policy asks for one.",
    )
    .argument("<ref>", "a cluster (its newest good snapshot), CLUSTER/ID, CLUSTER/good or CLUSTER/latest")
    .option("--recipient <name>", "an enrolled recipient of lifeboat.yaml; may be given several times", collect, [])
    .option("--unenrolled <age1...>", "another age recipient; may be given several times", collect, [])
    .requiredOption("--reason <text>", "why, for whoever reads the custody log")
    .option("--nodes <file>", "the members to make, where they are not those of the snapshot")
    .option("--arch <arch>", `of the nodes: ${ARCHITECTURES.join(" or ")} (default: the first of service.desk.architectures)`)
    .option("--for <distribution>", `whose tools restore: ${DISTRIBUTIONS.join(", ")}`, "etcd")
    .option("--without-node-files", "leave out the nodes' own files, of which each node gets its newest set")
    .option("--valid <duration>", "for how long the plan may be applied, at most 30d", "1d")
    .addHelpText(
      "after",
      "\nThe exit codes are those of lifeboat bundle. Ctrl-C stops waiting only.\n\nExample:\n  $ lifeboat invoke bundle prod --recipient cp-1 --reason INC-4711",
    )
    .action((ref: string, options: Options) => run((session) => invokeDesk(session, ref, options)));
};

async function invokeDesk(session: Session, ref: string, options: Options): Promise<ExitCode> {
  const { console, surroundings } = session;
  const loaded = await session.loadConfig();
  const event = await eventOf(session, loaded, ref, options);
  const { name: service } = loaded.config.service;
  const [{ openFunctions }, { actorOf }, { invokeBundle }] = await Promise.all([
    import("../shared/wire/functions.ts"),
    import("../shared/wire/actor.ts"),
    import("../shared/jobs/invoke-bundle.ts"),
  ]);
  const requestedBy = await actorOf(loaded.config, surroundings)();
  const functions = await openFunctions(loaded, surroundings);
  try {
    const made = await invokeBundle(functions, { event: { ...event, requestedBy }, service, signal: console.signal });
    if (session.json) printJson(console, "bundle", made);
    else print(console, deskText(made));
    for (const warning of made.warnings) note(console, `warning: ${printable(warning)}`);
    return made.filesLeftOut ? 6 : 0;
  } catch (error) {
    if (!isLifeboatError(error, "interrupted")) throw error;
    note(console, `${error.message}; the desk goes on: lifeboat custody ${event.cluster} tells what it made`);
    return 130;
  }
}

/** What was typed, as far as it can be seen from here: who is enrolled is for the desk to say, whose configuration may be another. */
async function eventOf(session: Session, loaded: LoadedConfig, ref: string, options: Options): Promise<DeskEvent> {
  const { config, file } = loaded;
  const { desk } = config.service;
  const [, cluster = "", id = "good"] = /^([^/@]+)(?:\/([A-Za-z0-9-]+))?$/.exec(ref) ?? [];
  if (cluster === "")
    throw new LifeboatError("usage", `"${ref}" is no snapshot`, { hint: "give CLUSTER, CLUSTER/ID, CLUSTER/good or CLUSTER/latest" });
  findCluster(loaded, cluster);
  if (!desk.enabled)
    throw new LifeboatError("config/invalid", `the service of ${file} has no desk`, {
      hint: "set service.desk: { enabled: true } and deploy SERVICE-desk; lifeboat bundle makes a bundle with keys of your own",
    });
  const { requireRecipient, readNodes } = await import("../shared/wire/bundle.ts");
  for (const key of options.unenrolled) requireRecipient(key);
  if (options.recipient.length + options.unenrolled.length === 0)
    throw new LifeboatError("usage", "nobody is named to make a bundle for", {
      hint: `give --recipient NAME${Object.keys(config.recipients).length === 0 ? "" : ` (${Object.keys(config.recipients).join(", ")})`}, or --unenrolled age1...`,
    });
  const nodes = options.nodes === undefined ? undefined : await readNodes(session.resolvePath(options.nodes), options.nodes);
  return {
    cluster,
    ref: id,
    recipients: options.recipient,
    unenrolled: options.unenrolled,
    reason: requireReason(options.reason),
    ...(nodes === undefined ? {} : { nodes: nodes.map(nodeOf) }),
    architecture: oneOf("arch", options.arch ?? desk.architectures[0] ?? "amd64", ARCHITECTURES),
    distribution: oneOf("for", options.for, DISTRIBUTIONS),
    validMs: validFor(options.valid),
    // A desk of an earlier version knows no such word.
    ...(options.withoutNodeFiles === true ? { nodeFiles: false } : {}),
  };
}

function nodeOf({ dataDir, service, ...rest }: BundleMember): NonNullable<DeskEvent["nodes"]>[number] {
  return { ...rest, ...(dataDir === undefined ? {} : { dataDir }), ...(service === undefined ? {} : { service }) };
}
