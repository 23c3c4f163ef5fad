import type { Command } from "commander";
import { clustersWith, parseLabels } from "../shared/config/labels.ts";
import { LifeboatError } from "../shared/errors.ts";
import type { Session } from "./command.ts";

export interface LabelOptions {
  readonly label?: readonly string[];
}

export function addLabelOption(command: Command): Command {
  return command.option(
    "--label <name=value>",
    "only clusters with this label; given again: with all of them",
    (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
  );
}

/** The clusters of the configuration that --label selects; undefined where it was not given. `names`: clusters that were named, which --label cannot stand with. */
export async function labelledClusters(
  session: Session,
  { label }: LabelOptions,
  names: readonly string[] = [],
): Promise<readonly string[] | undefined> {
  if (label === undefined) return undefined;
  if (names.length > 0)
    throw new LifeboatError("usage", `--label selects clusters, and ${names.join(", ")} names them`, { hint: "give one or the other" });
  const asked = parseLabels(label);
  const { config, file } = await session.loadConfig();
  return clustersWith(config, asked, file);
}
