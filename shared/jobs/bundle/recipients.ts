import { createHash } from "node:crypto";
import type { Recipient } from "../../bundle/plan.ts";
import { UNENROLLED } from "../../config/recipients-schema.ts";
import type { Config } from "../../config/schema.ts";
import { namesHint } from "../../config/settings.ts";
import { LifeboatError } from "../../errors.ts";

/** Each gets a control tar of some 45 MB. */
const MAX_RECIPIENTS = 50;

export interface RecipientRequest {
  /** Of the configuration. */
  readonly names: readonly string[];
  /** age recipients that it does not list. */
  readonly unenrolled: readonly string[];
  readonly reason: string | undefined;
}

/**
 * For whom bundles are to be made, in the order that they were named. Throws `usage` where nobody is named, one is unknown or twice, or one that is not enrolled has no reason; `config/invalid` where the desk refuses those.
 */
export function recipientsOf(
  { recipients, desk }: Pick<Config, "recipients" | "desk">,
  { names, unenrolled, reason }: RecipientRequest,
): readonly Recipient[] {
  const enrolled = names.map((name) => {
    const key = Object.hasOwn(recipients, name) ? recipients[name] : undefined;
    if (key !== undefined) return { name, key, enrolled: true };
    const hint =
      namesHint(name, Object.keys(recipients)) ?? "none is listed yet: lifeboat recipients add NAME age1... prints the line to put there";
    throw new LifeboatError("usage", `${name} is not under recipients in the configuration`, { hint });
  });
  const others = unenrolled.map((key) => {
    const known = Object.entries(recipients).find(([, each]) => each === key)?.[0];
    if (known !== undefined)
      throw new LifeboatError("usage", `${key} is the enrolled recipient ${known}`, { hint: `give --recipient ${known}` });
    return { name: `${UNENROLLED}${createHash("sha256").update(key).digest("hex").slice(0, 8)}`, key, enrolled: false };
  });
  if (others.length > 0 && desk.unenrolled === "refuse")
    throw new LifeboatError("config/invalid", "this desk makes bundles for enrolled recipients only (desk.unenrolled: refuse)", {
      hint: "enrol the recipient: lifeboat recipients add NAME age1... prints the line to put into the configuration",
    });
  if (others.length > 0 && reason === undefined)
    throw new LifeboatError("usage", "a recipient that is not enrolled needs --reason", {
      hint: "say who it is and why; the custody log keeps it",
    });
  const all = [...enrolled, ...others];
  if (all.length === 0)
    throw new LifeboatError("usage", "nobody is named to make a bundle for", {
      hint:
        Object.keys(recipients).length === 0
          ? "give --unenrolled age1... with --reason TEXT, or enrol recipients: lifeboat recipients add NAME age1... prints the line"
          : `give --recipient NAME (${Object.keys(recipients).join(", ")}), or --unenrolled age1... with --reason TEXT`,
    });
  const twice = all.find(({ key }, index) => all.findIndex((each) => each.key === key) !== index);
  if (twice !== undefined) throw new LifeboatError("usage", `${twice.name} is named twice`, { hint: "name each recipient once" });
  if (all.length > MAX_RECIPIENTS)
    throw new LifeboatError("usage", `${all.length} recipients are named, and ${MAX_RECIPIENTS} is the most`, {
      hint: "make the bundles in two runs",
    });
  return all;
}
