import { resolve } from "node:path";
import type { Architecture, Distribution } from "../shared/bundle/plan.ts";
import { ARCHITECTURES, DISTRIBUTIONS } from "../shared/bundle/plan.ts";
import { membersIn } from "../shared/bundle/members.ts";
import { renderNodes } from "../shared/bundle/nodes-file.ts";
import { parseDuration } from "../shared/config/durations.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { LifeboatError } from "../shared/errors.ts";
import { makeBundle } from "../shared/jobs/bundle/make.ts";
import { recipientsOf } from "../shared/jobs/bundle/recipients.ts";
import { requireReason } from "../shared/jobs/reason.ts";
import { isClusterName } from "../shared/documents/layout.ts";
import { resolveJudged } from "../shared/vault/restore-ref.ts";
import { bundleParts, folderOutput, ownArchitecture, readNodes, requireRecipient } from "../shared/wire/bundle.ts";
import { bundleJson, nodesJson } from "./bundle-json.ts";
import { bundleText } from "./bundle-text.ts";
import { FROM_FLAG, FROM_HELP, orPointToReplica } from "./from-replica.ts";
import { inspect } from "./inspect-bundle.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";

interface Options {
  readonly recipient: readonly string[];
  readonly unenrolled: readonly string[];
  readonly nodes?: string;
  readonly printNodes?: boolean;
  readonly arch?: string;
  readonly for?: string;
  readonly valid: string;
  readonly reason?: string;
  readonly out?: string;
  readonly withPayload?: boolean;
  readonly from?: string;
  readonly inspect?: string;
  readonly fingerprint?: string;
  readonly identity?: string;
}

const HOUR_MS = 3_600_000;
const MOST_VALID_MS = 30 * 24 * HOUR_MS;

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `lifeboat bundle`. */
export const registerBundle: Register = (program, run) => {
  program
    .command("bundle")
    .summary("make a signed bundle from which nodes restore a snapshot")
    .description(
      "Make a restore bundle: for each recipient a control tar with restore.sh, the plan, the programs and the snapshot's key encrypted to that recipient, signed with the bundle key. The snapshot's data is not read: it goes to the nodes as it is stored. The command prints what to type there. With --inspect, check a bundle in a folder instead.",
    )
    .argument("[ref]", "which snapshot, or a cluster: its newest good one (default: that of the only cluster)")
    .option("--recipient <name>", "an enrolled recipient of lifeboat.yaml; may be given several times", collect, [])
    .option("--unenrolled <key>", "another age recipient (age1...); needs --reason; may be given several times", collect, [])
    .option("--reason <text>", "why, for whoever reads the custody log")
    .option("--out <folder>", "a new folder for the files")
    .option("--with-payload", "with --out: copy the snapshot's data beside them, too")
    .option("--nodes <file>", "the members to make, where they are not those of the snapshot")
    .option("--print-nodes", "print the members of the snapshot as such a file, and nothing else")
    .option("--arch <arch>", `of the nodes: ${ARCHITECTURES.join(" or ")} (default: that of this machine)`)
    .option("--for <distribution>", `whose tools restore: ${DISTRIBUTIONS.join(", ")} (default: etcd)`)
    .option("--valid <duration>", "for how long the plan may be applied, at most 30d", "1d")
    .option(FROM_FLAG, FROM_HELP)
    .option("--inspect <folder>", "check the bundle in this folder, without a network")
    .option("--fingerprint <sha256>", "with --inspect: the bundle key to trust, in place of those of lifeboat.yaml")
    .option("--identity <file>", "with --inspect: the recipient's age identity file, to open the snapshot's key with")
    .addHelpText(
      "after",
      `${REF_HELP}\n\nExample:\n  $ lifeboat bundle prod --recipient cp-1 --recipient cp-2 --out bundle\n  $ lifeboat bundle --inspect bundle`,
    )
    .action((ref: string | undefined, options: Options) =>
      run((session) => {
        requireOneMode(ref, options);
        if (options.inspect !== undefined) return inspect(session, { ...options, folder: options.inspect });
        return options.printNodes === true ? printNodes(session, ref, options) : make(session, ref, options);
      }),
    );
};

/** What belongs to one way of using the command is refused in another, before anything is read. */
function requireOneMode(ref: string | undefined, options: Options): void {
  const given = (names: readonly (keyof Options)[]): string | undefined => {
    const name = names.find((each) => {
      const value = options[each];
      return value !== undefined && (!Array.isArray(value) || value.length > 0);
    });
    return name?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  };
  if (options.inspect !== undefined) {
    const stray = ref ?? given(["recipient", "unenrolled", "reason", "out", "withPayload", "nodes", "printNodes", "arch", "for", "from"]);
    if (stray !== undefined)
      throw new LifeboatError(
        "usage",
        `--inspect looks at a folder alone, and ${stray === ref ? `"${ref}"` : `--${stray}`} was given too`,
        {
          hint: "lifeboat bundle --inspect FOLDER [--fingerprint sha256:...] [--identity FILE]",
        },
      );
    return;
  }
  const stray = given(["fingerprint", "identity"]);
  if (stray !== undefined)
    throw new LifeboatError("usage", `--${stray} goes with --inspect`, { hint: "lifeboat bundle --inspect FOLDER checks a bundle" });
  if (options.withPayload === true && options.out === undefined)
    throw new LifeboatError("usage", "--with-payload needs --out FOLDER", { hint: "name the folder that the data goes into" });
}

async function make(session: Session, typed: string | undefined, options: Options): Promise<ExitCode> {
  const { console, surroundings } = session;
  if (options.out === undefined) throw new LifeboatError("usage", "nothing says where the bundle goes", { hint: "give --out FOLDER" });
  const folder = resolve(session.resolvePath(options.out));
  const [architecture, distribution] = [
    oneOf("arch", options.arch ?? ownArchitecture(), ARCHITECTURES),
    oneOf("for", options.for ?? "etcd", DISTRIBUTIONS),
  ];
  const validMs = validFor(options.valid);
  const reason = options.reason === undefined ? undefined : requireReason(options.reason);
  const loaded = await session.loadConfig();
  const ref = refOf(loaded, typed);
  const recipients = recipientsOf(loaded.config, { names: options.recipient, unenrolled: options.unenrolled, reason });
  for (const { key } of recipients) requireRecipient(key);
  const members = options.nodes === undefined ? undefined : await readNodes(session.resolvePath(options.nodes), options.nodes);
  const ports = await session.openPorts("nothing", options.from);
  const progress = new ConsoleProgress(console);
  const output = folderOutput(folder, ports, options.withPayload === true, (text) => note(console, text), console.clock.now());
  const request = { ref, recipients, members, architecture, distribution, reason, validMs, signal: console.signal, output };
  const words = (name: string): readonly string[] => ["bundle", name, ...recipientWords(options), "--out", options.out ?? ""];
  const made = await orPointToReplica(session, ports, { ref, from: options.from, words }, async () =>
    makeBundle({ ...ports, randomBytes: surroundings.randomBytes, progress, parts: await bundleParts(loaded, surroundings) }, request),
  ).finally(() => progress.close());
  const place = { folder, location: ports.blobs.location, withPayload: options.withPayload === true };
  if (session.json) printJson(console, "bundle", bundleJson(made, place));
  else print(console, bundleText(made, place));
  for (const warning of made.warnings) note(console, `warning: ${printable(warning)}`);
  return 0;
}

function recipientWords({ recipient, unenrolled, reason }: Options): readonly string[] {
  return [
    ...recipient.flatMap((name) => ["--recipient", name]),
    ...unenrolled.flatMap((key) => ["--unenrolled", key]),
    ...(reason === undefined ? [] : ["--reason", reason]),
  ];
}

async function printNodes(session: Session, typed: string | undefined, { from }: Options): Promise<ExitCode> {
  const ref = refOf(await session.loadConfig(), typed);
  const { manifest } = await resolveJudged(await session.openToRead(from), ref);
  const members = membersIn(manifest);
  if (session.json) printJson(session.console, "bundle", nodesJson(manifest, members));
  else print(session.console, renderNodes(members, manifest.cluster, manifest.id).trimEnd());
  return 0;
}

/** A cluster's name stands for its newest good snapshot, and nothing for that of the only cluster. */
function refOf({ config, file }: LoadedConfig, typed: string | undefined): string {
  if (typed !== undefined) return isClusterName(typed) ? `${typed}/good` : typed;
  const [only, ...others] = Object.keys(config.clusters);
  if (only !== undefined && others.length === 0) return `${only}/good`;
  throw new LifeboatError("usage", `${file} has ${only === undefined ? "no cluster" : "several clusters"}: name the snapshot`, {
    hint: only === undefined ? "lifeboat bundle CLUSTER/ID" : `for the newest good one of a cluster: lifeboat bundle ${only}/good`,
  });
}

function validFor(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < HOUR_MS || ms > MOST_VALID_MS)
    throw new LifeboatError("usage", `--valid "${text}" is not a duration from 1h to 30d`, { hint: "give one such as 12h or 3d" });
  return ms;
}

function oneOf<Word extends Architecture | Distribution>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === text);
  if (word === undefined)
    throw new LifeboatError("usage", `--${option} "${text}" is none of ${words.join(", ")}`, { hint: `give --${option} ${words[0]}` });
  return word;
}
