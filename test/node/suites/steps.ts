import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SiteNode } from "../../support/site-node.ts";

const script = (name: string): string => readFileSync(fileURLToPath(new URL(`../../../node/lib/${name}`, import.meta.url)), "utf8");
const listed = (name: string, file = "steps.sh"): readonly string[] =>
  (new RegExp(`^readonly ${name}='([a-z -]+)'$`, "m").exec(script(file))?.[1] ?? "").split(" ");

/** The steps of apply, from the script's own list. */
export const STEPS = listed("STEPS");
/** Those of them that are other commands on each layout. */
export const STEPS_BY_LAYOUT = ["stop-api-server", "stop-etcd", "configure", "start-etcd", "start-api-server"];

/** Those of apply --join. */
export const JOIN_STEPS = listed("JOIN_STEPS");

/** Those of files --apply. */
export const FILES_STEPS = listed("FILES_STEPS", "files-apply.sh");

/** A node's folder is all that is wanted of it here. */
type Rooted = Pick<SiteNode, "root">;

const markOf = (node: Rooted): string => join(node.root, "hit");

/**
 * A file that bash reads first: in restore.sh's own shell `action` is done once, just before the function `what` is called with `step`.
 * The function is wrapped when all are there, right before main is called: a trap on each command would make the script crawl.
 */
export function hookInto(node: Rooted, what: string, step: string, action: string): string {
  const [file, mark] = [join(node.root, "hook.sh"), markOf(node)];
  rmSync(mark, { force: true });
  const wrapped = `${what}() { if [[ $1 == ${step} && ! -e ${mark} ]]; then : > ${mark}; ${action}; fi; hooked_${what} "$@"; }`;
  writeFileSync(
    file,
    `hook() { trap - DEBUG; eval "hooked_$(declare -f ${what})"; ${wrapped}; }\ntrap '[[ $BASH_COMMAND != "main "* ]] || hook' DEBUG\n`,
  );
  return file;
}

export const wasHitOn = (node: Rooted): boolean => existsSync(markOf(node));

/** Those of member.sh, by its commands. */
export const MEMBER_STEPS = {
  replace: listed("REPLACE_STEPS", "replace.sh"),
  "force-new-cluster": listed("FORCE_STEPS", "force.sh"),
  rebuild: listed("REBUILD_STEPS", "rebuild.sh"),
} as const;
