import { resolve } from "node:path";
import type { Architecture, Distribution } from "../shared/bundle/plan.ts";
import { ARCHITECTURES, DISTRIBUTIONS, LEAST_VALID_MS, MOST_VALID_MS } from "../shared/bundle/plan.ts";
import { membersIn } from "../shared/bundle/members.ts";
import { renderNodes } from "../shared/bundle/nodes-file.ts";
import { parseDuration } from "../shared/config/durations.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { parseId } from "../shared/documents/slot.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { makeBundle } from "../shared/jobs/bundle/make.ts";
import type { ToldBundle } from "../shared/jobs/bundle/make.ts";
import { StoreOutput } from "../shared/jobs/bundle/publish.ts";
import type { PublishedFile } from "../shared/jobs/bundle/publish.ts";
import { renewUrls } from "../shared/jobs/bundle/renew.ts";
import { signUrls } from "../shared/jobs/bundle/urls.ts";
import type { BundleUrls } from "../shared/jobs/bundle/urls.ts";
import { recipientsOf } from "../shared/jobs/bundle/recipients.ts";
import { requireReason } from "../shared/jobs/reason.ts";
import { isClusterName } from "../shared/documents/layout.ts";
import { resolveJudged } from "../shared/vault/restore-ref.ts";
import { bundleParts, folderOutput, ownArchitecture, readNodes, requireRecipient } from "../shared/wire/bundle.ts";
import type { Ports } from "../shared/wire/ports.ts";
import { bundleJson, nodesJson } from "../shared/jobs/bundle/document.ts";
import type { BundlePlace } from "../shared/jobs/bundle/document.ts";
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
  readonly publish?: boolean;
  readonly renew?: boolean;
  readonly time?: string;
  readonly from?: string;
  readonly inspect?: string;
  readonly fingerprint?: string;
  readonly identity?: string;
}

/** As long as S3 lets any address last. */
const MOST_VALID_URL_MS = 168 * LEAST_VALID_MS;

/** For options that may be given several times. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

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
    .option("--publish", "in place of --out: put the files into the store, and print URLs from which nodes fetch them")
    .option("--renew", "print new URLs for the bundle that was published last, and make none")
    .option("--time <time>", "with --renew: of the bundle made at this time (20261121T100000Z)")
    .option("--nodes <file>", "the members to make, where they are not those of the snapshot")
    .option("--print-nodes", "print the members of the snapshot as such a file, and nothing else")
    .option("--arch <arch>", `of the nodes: ${ARCHITECTURES.join(" or ")} (default: that of this machine)`)
    .option("--for <distribution>", `whose tools restore: ${DISTRIBUTIONS.join(", ")} (default: etcd)`)
    .option("--valid <duration>", "for how long the plan may be applied, at most 30d, and the URLs last, at most 7d", "1d")
    .option(FROM_FLAG, FROM_HELP)
    .option("--inspect <folder>", "check the bundle in this folder, without a network")
    .option("--fingerprint <sha256>", "with --inspect: the bundle key to trust, in place of those of lifeboat.yaml")
    .option("--identity <file>", "with --inspect: the recipient's age identity file, to open the snapshot's key with")
    .addHelpText(
      "after",
      `${REF_HELP}\n\nExample:\n  $ lifeboat bundle prod --recipient cp-1 --recipient cp-2 --out bundle\n  $ lifeboat bundle prod --recipient cp-1 --publish\n  $ lifeboat bundle prod --renew\n  $ lifeboat bundle --inspect bundle`,
    )
    .action((ref: string | undefined, options: Options) =>
      run((session) => {
        requireOneMode(ref, options);
        if (options.inspect !== undefined) return inspect(session, { ...options, folder: options.inspect });
        if (options.renew === true) return renew(session, ref, options);
        return options.printNodes === true ? printNodes(session, ref, options) : make(session, ref, options);
      }),
    );
};

/** What only a new bundle has. */
const OF_MAKING = ["unenrolled", "reason", "out", "withPayload", "publish", "nodes", "printNodes", "arch", "for"] as const;

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
    const stray = ref ?? given(["recipient", "renew", "time", "from", ...OF_MAKING]);
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
  if (options.renew === true) {
    const making = given(OF_MAKING);
    if (making === undefined) return;
    throw new LifeboatError("usage", `--renew makes no bundle, and --${making} was given too`, {
      hint: "lifeboat bundle [REF] --renew [--recipient NAME] [--time TIME] [--valid DURATION]",
    });
  }
  if (options.time !== undefined)
    throw new LifeboatError("usage", "--time goes with --renew", {
      hint: "for a snapshot of a certain time: lifeboat bundle CLUSTER@TIME",
    });
  if (options.publish === true && options.out !== undefined)
    throw new LifeboatError("usage", "--publish and --out are two places for the files", {
      hint: "give one of them; --out FOLDER --with-payload has all that a node needs",
    });
  if (options.withPayload === true && options.out === undefined)
    throw new LifeboatError("usage", "--with-payload needs --out FOLDER", { hint: "name the folder that the data goes into" });
}

async function make(session: Session, typed: string | undefined, options: Options): Promise<ExitCode> {
  const { console, surroundings } = session;
  if (options.out === undefined && options.publish !== true)
    throw new LifeboatError("usage", "nothing says where the bundle goes", { hint: "give --out FOLDER, or --publish for the store" });
  const folder = options.out === undefined ? undefined : resolve(session.resolvePath(options.out));
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
  const store = new StoreOutput(ports);
  const output =
    folder === undefined
      ? store
      : folderOutput(folder, ports, options.withPayload === true, (text) => note(console, text), console.clock.now());
  const request = { ref, recipients, members, architecture, distribution, reason, validMs, signal: console.signal, output };
  const words = (name: string): readonly string[] => ["bundle", name, ...recipientWords(options), ...placeWords(options)];
  const made = await orPointToReplica(session, ports, { ref, from: options.from, words }, async () =>
    makeBundle({ ...ports, randomBytes: surroundings.randomBytes, progress, parts: await bundleParts(loaded, surroundings) }, request),
  ).finally(() => progress.close());
  const urls = folder === undefined ? await urlsOf(ports, made, store.files, console.signal) : undefined;
  tell(session, made, { folder, location: ports.blobs.location, withPayload: options.withPayload === true, urls });
  return 0;
}

/** As long as the plan, which is no longer needed then. */
async function urlsOf(
  { blobs }: Pick<Ports, "blobs">,
  { plan }: ToldBundle,
  files: readonly PublishedFile[],
  signal: AbortSignal,
): Promise<BundleUrls | undefined> {
  try {
    return await signUrls(blobs, { files, payload: plan.payload, until: plan.expiresAt, signal });
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    const { cluster, id } = plan.manifest;
    throw new LifeboatError(error.code, `the bundle is published, and has no addresses: ${error.message}`, {
      hint: `lifeboat bundle ${cluster}/${id} --renew makes them`,
      cause: error,
    });
  }
}

async function renew(session: Session, typed: string | undefined, options: Options): Promise<ExitCode> {
  const { console } = session;
  const validMs = validFor(options.valid, MOST_VALID_URL_MS);
  if (options.time !== undefined && parseId(options.time) === undefined)
    throw new LifeboatError("usage", `--time "${options.time}" is not a time such as 20261121T100000Z`, {
      hint: "give the time that lifeboat bundle --publish printed, or leave it out for the newest",
    });
  const ref = typed ?? onlyCluster(await session.loadConfig());
  const ports = await session.openPorts("nothing", options.from);
  const { bundle, urls } = await renewUrls(ports, {
    ref,
    time: options.time,
    recipients: options.recipient,
    validMs,
    signal: console.signal,
  });
  tell(session, bundle, { folder: undefined, location: ports.blobs.location, withPayload: false, urls });
  return 0;
}

function tell({ console, json }: Session, bundle: ToldBundle, place: BundlePlace): void {
  if (json) printJson(console, "bundle", bundleJson(bundle, place));
  else print(console, bundleText(bundle, place));
  for (const warning of bundle.warnings) note(console, `warning: ${printable(warning)}`);
}

function placeWords({ out, publish }: Options): readonly string[] {
  return publish === true ? ["--publish"] : ["--out", out ?? ""];
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
function refOf(loaded: LoadedConfig, typed: string | undefined): string {
  const ref = typed ?? onlyCluster(loaded);
  return isClusterName(ref) ? `${ref}/good` : ref;
}

function onlyCluster({ config, file }: LoadedConfig): string {
  const [only, ...others] = Object.keys(config.clusters);
  if (only !== undefined && others.length === 0) return only;
  throw new LifeboatError("usage", `${file} has ${only === undefined ? "no cluster" : "several clusters"}: name the snapshot`, {
    hint: only === undefined ? "lifeboat bundle CLUSTER/ID" : `for the newest good one of a cluster: lifeboat bundle ${only}/good`,
  });
}

/** `--valid`, in milliseconds. Throws `usage`. */
export function validFor(text: string, mostMs = MOST_VALID_MS): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < LEAST_VALID_MS || ms > mostMs)
    throw new LifeboatError("usage", `--valid "${text}" is not a duration from 1h to ${mostMs / (24 * LEAST_VALID_MS)}d`, {
      hint: "give one such as 12h or 3d",
    });
  return ms;
}

/** The word that an option was given. Throws `usage`. */
export function oneOf<Word extends Architecture | Distribution>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === text);
  if (word === undefined)
    throw new LifeboatError("usage", `--${option} "${text}" is none of ${words.join(", ")}`, { hint: `give --${option} ${words[0]}` });
  return word;
}
