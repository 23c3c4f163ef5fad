import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SiteNode } from "../../support/site-node.ts";

const SCRIPT = readFileSync(fileURLToPath(new URL("../../../node/lib/steps.sh", import.meta.url)), "utf8");
const listed = (name: string): readonly string[] => (new RegExp(`^readonly ${name}='([a-z -]+)'$`, "m").exec(SCRIPT)?.[1] ?? "").split(" ");

/** The steps of apply, from the script's own list. */
export const STEPS = listed("STEPS");
/** Those of them that are other commands on each layout. */
export const STEPS_BY_LAYOUT = ["stop-api-server", "stop-etcd", "configure", "start-etcd", "start-api-server"];

/** Those of apply --join. */
export const JOIN_STEPS = listed("JOIN_STEPS");

const markOf = (node: SiteNode): string => join(node.root, "hit");

/**
 * A file that bash reads first: in restore.sh's own shell `action` is done once, just before the function `what` is called with `step`.
 * The function is wrapped when all are there, right before main is called: a trap on each command would make the script crawl.
 */
export function hookInto(node: SiteNode, what: string, step: string, action: string): string {
  const [file, mark] = [join(node.root, "hook.sh"), markOf(node)];
  rmSync(mark, { force: true });
  const wrapped = `${what}() { if [[ $1 == ${step} && ! -e ${mark} ]]; then : > ${mark}; ${action}; fi; hooked_${what} "$@"; }`;
  writeFileSync(
    file,
    `hook() { trap - DEBUG; eval "hooked_$(declare -f ${what})"; ${wrapped}; }\ntrap '[[ $BASH_COMMAND != "main "* ]] || hook' DEBUG\n`,
  );
  return file;
}

export const wasHitOn = (node: SiteNode): boolean => existsSync(markOf(node));
