import { z } from "zod";
import { LAYOUTS, MAX_MEMBERS, MEMBER_NAME, MEMBER_URL, problemOf } from "../bundle/members.ts";
import type { BundleMember } from "../bundle/members.ts";
import { parseSettings } from "./parse-settings.ts";
import { settings } from "./settings.ts";

/** The file that `lifeboat bundle --nodes` takes: the members that a restore makes. */

const url = z.string().regex(MEMBER_URL, "expected a URL of scheme, host and port, such as https://10.0.0.1:2380");

const node = settings({
  name: z
    .string()
    .regex(MEMBER_NAME, "a member's name has letters, digits, '.', '_' and '-', at most 63, and begins with a letter or digit"),
  peerUrls: z.array(url).min(1, "at least one URL"),
  clientUrls: z.array(url).min(1, "at least one URL"),
  layout: z.enum(LAYOUTS, { error: `expected one of ${LAYOUTS.join(", ")}` }).default("auto"),
  dataDir: z
    .string()
    .regex(/^\/[A-Za-z0-9._/@:+-]{0,1000}$/, "expected an absolute path of letters, digits and . _ / @ : + -")
    .refine((path) => !path.split("/").includes(".."), "expected a path without ..")
    .optional(),
  service: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._@:-]{0,200}$/, "expected the name of a systemd unit, such as etcd")
    .optional(),
});

/** The members as a plan has them, by name. */
export const nodesSchema = z
  .array(node)
  .min(1, "at least one node")
  .max(MAX_MEMBERS, `at most ${MAX_MEMBERS} nodes`)
  .transform((nodes, context) => {
    const members = nodes.map(withUndefined);
    const problem = problemOf(members);
    if (problem === undefined) return members.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    context.addIssue({ code: "custom", message: problem });
    return z.NEVER;
  });

const fileSchema = settings({ nodes: nodesSchema });

/** Reads such a file. `file` is for messages only. Throws `config/invalid` naming file, line and setting. */
export function parseNodes(text: string, file: string): readonly BundleMember[] {
  const { data } = parseSettings(
    fileSchema,
    text,
    file,
    "lifeboat bundle REF --print-nodes prints the members of a snapshot as such a file",
  );
  return data.nodes;
}

function withUndefined({ dataDir, service, ...rest }: z.output<typeof node>): BundleMember {
  return { ...rest, dataDir, service };
}
