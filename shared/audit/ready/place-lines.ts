import { ageText } from "../../age-text.ts";
import type { Line, ReadyFacts } from "../facts.ts";
import { judgeBreakGlass, judgeRehearsal, judgeWrapping, lastRehearsalOf } from "../rules/keys.ts";
import { judgeNodeFiles } from "../rules/node-files.ts";
import { judgeRecipients } from "../rules/recipients.ts";
import { byFindings, ifKnown, no, notKnown, yes } from "./line.ts";

/** Questions about keys, nodes and etcd. */

const KEYS_UNSEEN = "lifeboat doctor --keys says what is wrong with the keys";

export function keyLine(facts: ReadyFacts): Line {
  const { keys, newestGood, wrappingKey } = facts;
  const asked = { name: "keys", question: "its keys are alive" };
  if (!wrappingKey.known) return notKnown(asked, wrappingKey.why, KEYS_UNSEEN);
  return ifKnown(asked, keys, KEYS_UNSEEN, ({ findings }) =>
    ifKnown(asked, newestGood, KEYS_UNSEEN, (good) => {
      if (good === undefined) return notKnown(asked, "there is no good snapshot", "");
      const problem = findings.find(({ severity }) => severity === "problem");
      if (problem !== undefined) return no(asked, [problem.message], problem.fix);
      const key = wrappingKey.value;
      if (key === undefined) return yes(asked, ["the Kopia repository's password opens it"]);
      const opened = good.opened.findLast((each) => each.key === key);
      const others = judgeWrapping(facts);
      // Wrapped under it is the writer's word; that it opens is the verifier's.
      if (others.length === 0 && opened === undefined)
        return notKnown(asked, "no verification has opened it by the wrapping key", `lifeboat verify ${facts.cluster}/${good.id} --deep`);
      return byFindings(asked, others, opened === undefined ? [] : [`the wrapping key opened it ${ageText(facts.now - opened.at)} ago`]);
    }),
  );
}

export function breakGlassLine(facts: ReadyFacts): Line {
  const { canaries, newestGood, now, policy } = facts;
  const asked = { name: "break-glass", question: "break-glass is rehearsed" };
  const fix = "lifeboat doctor --store says what is wrong with the store";
  return ifKnown(asked, newestGood, fix, () =>
    ifKnown(asked, canaries, fix, () => {
      const last = lastRehearsalOf(facts);
      const count = policy?.breakGlass.length ?? 0;
      return byFindings(
        asked,
        [...judgeBreakGlass(facts), ...judgeRehearsal(facts)],
        last === undefined
          ? []
          : [`${last.by} opened a canary ${ageText(now - last.openedAt)} ago`, count === 1 ? "1 recipient" : `${count} recipients`],
      );
    }),
  );
}

export function recipientLine(facts: ReadyFacts): Line {
  const asked = { name: "recipients", question: "every node can open a bundle" };
  return ifKnown(asked, facts.newestGood, "", (good) => {
    if (good === undefined) return notKnown(asked, "there is no good snapshot", "");
    return byFindings(asked, judgeRecipients(facts), [good.members.join(", ")]);
  });
}

export function programLine({ programs, newestGood }: ReadyFacts): Line {
  const asked = { name: "programs", question: "programs for every node are here" };
  const lacking = programs.flatMap(({ architecture, versions }) => (versions.known ? [] : [`${architecture}: ${versions.why}`]));
  if (programs.length === 0) return notKnown(asked, newestGood.known ? "there is no good snapshot" : newestGood.why, "");
  if (lacking.length > 0) return no(asked, lacking, "lifeboat doctor --tools says which are missing, and where they are looked for");
  return yes(
    asked,
    programs.map(({ architecture, versions }) => `${architecture}: ${versions.known ? versions.value.join(", ") : ""}`),
  );
}

/** kubeadm and most others renew within the last month. */
const EXPIRING_MS = 30 * 86_400_000;

export function certificateLine({ etcd, now, cluster }: ReadyFacts): Line {
  const asked = { name: "certificates", question: "etcd's certificates are valid" };
  const fix = `lifeboat preflight ${cluster} says what is in the way`;
  return ifKnown(asked, etcd, fix, ({ certificates, unseen }) => {
    const ending = certificates.filter(({ notAfter }) => notAfter - now < EXPIRING_MS);
    if (ending.length > 0)
      return no(
        asked,
        ending.map(({ subject, notAfter }) => `${subject}: ${notAfter <= now ? "expired on" : "expires on"} ${day(notAfter)}`),
        "renew them: etcd takes a new --cert-file by itself, and so does the next backup a new tls.cert",
      );
    if (unseen.length > 0) return notKnown(asked, `the certificate of ${unseen.join(", ")} could not be seen`, fix);
    const [first] = certificates.toSorted((one, other) => one.notAfter - other.notAfter);
    return yes(asked, [first === undefined ? "etcd is reached without TLS" : `the first expires on ${day(first.notAfter)}`]);
  });
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** Undefined where nobody keeps files of nodes, nor asks for them. */
export function nodeFileLine(facts: ReadyFacts): Line | undefined {
  const { cluster, nodeFiles, newestGood } = facts;
  if (nodeFiles === undefined) return undefined;
  const asked = { name: "node-files", question: "files of every node are kept" };
  const members = newestGood.known ? (newestGood.value?.members ?? []) : [];
  return ifKnown(asked, nodeFiles, `lifeboat node-files ls ${cluster}`, ({ nodes }) => {
    const named = new Set(nodes.map((node) => node.toLowerCase()));
    const lacking = members.filter((name) => !named.has(name.toLowerCase()));
    if (lacking.length > 0)
      return no(asked, [`none of ${lacking.join(", ")}`], "run collect.sh on each of them, then lifeboat node-files add --inbox");
    return byFindings(asked, judgeNodeFiles(facts), [nodes.join(", ")]);
  });
}

/** Undefined where nobody keeps files of nodes, nor asks for them. */
export function encryptionKeyLine({ cluster, encryptionKeys }: ReadyFacts): Line | undefined {
  if (encryptionKeys === undefined) return undefined;
  const asked = { name: "encryption-keys", question: "keys of its encrypted values are kept" };
  return ifKnown(asked, encryptionKeys, `lifeboat backup ${cluster} records them`, ({ named, kept }) => {
    const lacking = named.filter((name) => !kept.includes(name));
    return lacking.length === 0
      ? yes(asked, [named.join(", ") || "no value is encrypted by a key in a file"])
      : no(asked, [`not ${lacking.join(", ")}`], "collect the EncryptionConfiguration with the files of each node");
  });
}
