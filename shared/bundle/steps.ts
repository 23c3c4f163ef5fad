import { distributionLines, EXPORTED_FILE } from "./distributions.ts";
import { shellWord } from "../shell-word.ts";
import { payloadFile } from "./plan.ts";
import type { Plan, Recipient } from "./plan.ts";

/** What is typed on a node, as the command prints it and as NEXT-STEPS.txt in the tar has it. */

/** In a tar nothing may say which key to trust: there it is left to the reader. */
const TOLD = "sha256:THE_FINGERPRINT_THAT_YOU_WERE_TOLD";

/** A file of a bundle, and the address that it is fetched from, which is a secret. */
export interface FetchedFile {
  readonly name: string;
  readonly url: string;
}

export interface StepOptions {
  readonly fetched?: readonly FetchedFile[];
  /** When the node's own files in the tar were collected, in the form of an id. */
  readonly nodeFiles?: string | undefined;
}

/**
 * The lines for one recipient. `fingerprint` is that of the bundle key; undefined within the tar itself. A line that begins with `#` explains. With `fetched` they begin with fetching those files.
 */
export function nodeSteps(
  plan: Plan,
  recipient: Recipient,
  fingerprint: string | undefined,
  { fetched = [], nodeFiles }: StepOptions = {},
): readonly string[] {
  const { name } = recipient;
  const key = fingerprint ?? TOLD;
  const script = "lifeboat/bundle/restore.sh";
  const options = `--fingerprint ${key}`;
  const after =
    plan.distribution === "etcd"
      ? [`${script} plan ${options}`, `${script} apply ${options}`, `${script} after ${options}`]
      : [`${script} export ${options} --out ${EXPORTED_FILE}`, ...distributionLines(plan.distribution)];
  const files = `${name}.tar, ${name}.tar.sig, bundle.pub, ${payloadFile(plan.payload)}`;
  const identity = `#   the identity of ${name} is in /etc/etcd-lifeboat/node.key; elsewhere: add --identity FILE to each line of restore.sh`;
  return [
    ...(fetched.length === 0
      ? [`# as root, in a folder with ${files}`, identity]
      : [
          "# as root, in a folder of its own; the addresses are secrets as long as they last",
          identity,
          ...fetched.map((each) => `curl -f --retry 3 -o ${shellWord(each.name)} ${shellWord(each.url)}`),
        ]),
    `openssl pkey -pubin -in bundle.pub -outform DER | sha256sum`,
    `#   must print ${key.replace(/^sha256:/, "")}`,
    `openssl dgst -sha256 -verify bundle.pub -signature ${name}.tar.sig ${name}.tar`,
    "#   must print Verified OK: unpack nothing before it does",
    `mkdir -m 700 lifeboat && tar -xf ${name}.tar -C lifeboat`,
    `${script} verify ${options}`,
    ...(nodeFiles === undefined
      ? []
      : [
          `${script} files ${options}`,
          `#   shows what the node's own files of ${nodeFiles} would change; files --apply places them: where they are needed, before the snapshot`,
        ]),
    ...after,
  ];
}

/** NEXT-STEPS.txt. */
export function nextSteps(plan: Plan, recipient: Recipient, nodeFiles?: string): string {
  const { manifest, members, expiresAt } = plan;
  return `Restore bundle of ${manifest.cluster}/${manifest.id} for ${recipient.name}

Taken ${manifest.startedAt}. To be applied before ${expiresAt.toISOString()}.
Members: ${members.map(({ name }) => name).join(", ")}. Every one of them restores the same snapshot by the same plan.

Node files: ${nodeFiles === undefined ? "none" : `collected ${nodeFiles}, in bundle/node-files.age`}

${nodeSteps(plan, recipient, undefined, { nodeFiles }).join("\n")}

restore.sh --help says what else it does. The plan is in bundle/plan.
`;
}
