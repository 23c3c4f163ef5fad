import { membersIn } from "../shared/bundle/members.ts";
import { renderNodes } from "../shared/bundle/nodes-file.ts";
import { ARCHITECTURES, DISTRIBUTIONS } from "../shared/bundle/plan.ts";
import { nodesJson } from "../shared/jobs/bundle/document.ts";
import { resolveJudged } from "../shared/vault/restore-ref.ts";
import { collect, refOf, requireOneMode } from "./bundle-options.ts";
import type { BundleOptions } from "./bundle-options.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { inspect } from "./inspect-bundle.ts";
import { make } from "./make-bundle.ts";
import { renew } from "./renew-bundle.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";

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
    .option("--without-node-files", "leave out the nodes' own files, of which each node gets its newest set")
    .option("--valid <duration>", "for how long the plan may be applied, at most 30d, and the URLs last, at most 7d", "1d")
    .option(FROM_FLAG, FROM_HELP)
    .option("--inspect <folder>", "check the bundle in this folder, without a network")
    .option("--fingerprint <sha256>", "with --inspect: the bundle key to trust, in place of those of lifeboat.yaml")
    .option("--identity <file>", "with --inspect: the recipient's age identity file, to open the snapshot's key with")
    .addHelpText(
      "after",
      `${REF_HELP}\n\nExample:\n  $ lifeboat bundle prod --recipient cp-1 --recipient cp-2 --out bundle\n  $ lifeboat bundle prod --recipient cp-1 --publish\n  $ lifeboat bundle prod --renew\n  $ lifeboat bundle --inspect bundle`,
    )
    .action((ref: string | undefined, options: BundleOptions) =>
      run((session) => {
        requireOneMode(ref, options);
        if (options.inspect !== undefined) return inspect(session, { ...options, folder: options.inspect });
        if (options.renew === true) return renew(session, ref, options);
        return options.printNodes === true ? printNodes(session, ref, options) : make(session, ref, options);
      }),
    );
};

async function printNodes(session: Session, typed: string | undefined, { from }: BundleOptions): Promise<ExitCode> {
  const ref = refOf(await session.loadConfig(), typed);
  const { manifest } = await resolveJudged(await session.openToRead(from), ref);
  const members = membersIn(manifest);
  if (session.json) printJson(session.console, "bundle", nodesJson(manifest, members));
  else print(session.console, renderNodes(members, manifest.cluster, manifest.id).trimEnd());
  return 0;
}
