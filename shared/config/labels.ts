import { z } from "zod";
import { LifeboatError } from "../errors.ts";

/** Labels of clusters: `clusters.NAME.labels`, and what selects clusters by them. */

export type Labels = Readonly<Record<string, string>>;

/** As Prometheus has it: https://prometheus.io/docs/concepts/data_model/. Names with two underscores first are its own. */
const NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,62}$/;
/** What tags of AWS sessions and labels of Kubernetes take as well, and a comma cannot stand in. */
const VALUE = /^[A-Za-z0-9](?:[A-Za-z0-9 ._/@+-]{0,61}[A-Za-z0-9])?$/;
/** Our own, those that Prometheus adds to what it scrapes, and those that have a meaning in its format. */
const TAKEN: ReadonlySet<string> = new Set(["cluster", "job", "instance", "le", "quantile"]);
const MOST = 16;

const labelName = z
  .string()
  .regex(NAME, "a label's name is one of Prometheus': letters, digits and '_', at most 63, not beginning with a digit or '__'")
  .refine((name) => !TAKEN.has(name), `a label cannot be called ${[...TAKEN].join(", ")}: metrics have these of their own`);

const labelValue = z
  .string()
  .regex(VALUE, "a label's value has letters, digits, space and . _ / @ + -, at most 63, and begins and ends with a letter or digit");

export const labelsSchema = z
  .record(labelName, labelValue)
  .refine((labels) => Object.keys(labels).length <= MOST, `at most ${MOST} labels`)
  .default({});

interface Labelled {
  readonly clusters: Readonly<Record<string, { readonly labels: Labels }>>;
}

/** Those of a cluster by name; none of a cluster that the configuration does not have. */
export function labelsOf({ clusters }: Labelled, cluster: string): Labels {
  const labels = (Object.hasOwn(clusters, cluster) ? clusters[cluster] : undefined)?.labels ?? {};
  return Object.fromEntries(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** `env=live,team=a`; empty where there are none. */
export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** The labels that each of `texts` (`team=a`) asks for. Throws `usage`. */
export function parseLabels(texts: readonly string[]): Labels {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    const [name, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    if (at === -1 || !NAME.test(name) || !VALUE.test(value))
      throw new LifeboatError("usage", `--label "${text}" is no label`, { hint: "give a name and a value, such as --label team=a" });
    const before = labels[name];
    if (before !== undefined && before !== value)
      throw new LifeboatError("usage", `--label ${name}=${before} and --label ${text}: no cluster has both`, {
        hint: "run the command for each",
      });
    labels[name] = value;
  }
  return labels;
}

/** Whether these labels are among those asked for, all of them. */
export function hasLabels(labels: Labels, asked: Labels): boolean {
  return Object.entries(asked).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}

/** Names of the clusters that have all of `asked`, in the order of the configuration. Throws `usage` where there is none, with the labels that there are; `file` is for the message. */
export function clustersWith({ clusters }: Labelled, asked: Labels, file: string): readonly string[] {
  const names = Object.keys(clusters).filter((name) => hasLabels(labelsOf({ clusters }, name), asked));
  if (names.length > 0) return names;
  const known = new Set(Object.values(clusters).flatMap(({ labels }) => Object.entries(labels).map(([name, value]) => `${name}=${value}`)));
  throw new LifeboatError(
    "usage",
    `no cluster of ${file} has ${Object.keys(asked).length === 1 ? "the label" : "the labels"} ${labelsText(asked)}`,
    {
      hint: known.size === 0 ? `give clusters labels in ${file}: labels: { team: a }` : `there are ${listed([...known].toSorted())}`,
    },
  );
}

const SHOWN = 12;

function listed(labels: readonly string[]): string {
  const more = labels.length - SHOWN;
  return more > 0 ? `${labels.slice(0, SHOWN).join(", ")} and ${more} more` : labels.join(", ");
}
