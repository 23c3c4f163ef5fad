import { z } from "zod";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import type { DocumentName } from "../../shared/contract/documents.ts";

/**
 * Throws where what a command line printed with `--json` is not the document of the contract: one with a field that the contract does not know, without one that it has, or with another type. Every
 * run of the command in a test goes through here.
 */
export function requireContract(args: readonly string[], stdout: string): void {
  const words = args.filter((each) => Object.hasOwn(DOCUMENTS, each));
  // The desk makes what `lifeboat bundle` makes.
  const name = args.includes("fleet")
    ? FLEET.get(args[args.indexOf("fleet") + 1] ?? "")
    : args.includes("kopia")
      ? KOPIA.get(words[0] ?? "maintain")
      : words[0] === "invoke" && words[1] === "bundle"
        ? "bundle"
        : words[0];
  // What was ended by a signal printed nothing; a completion is a script.
  if (name === undefined || !args.includes("--json") || args.includes("--help") || args.includes("help") || stdout === "") return;
  if (name === "ls" && args.includes("--fleet")) requireDocument("lsFleet", stdout);
  else if (name === "invoke" && (args.includes("--all") || args.includes("--label"))) requireDocument("invokeMany", stdout);
  else if (name === "custody" && args.includes("--export")) requireDocument("custodyExport", stdout);
  else requireDocument(name === "backup" && args.includes("--all") ? "backupAll" : (name as DocumentName), stdout);
}

/** By the word after `fleet`. */
const FLEET: ReadonlyMap<string, DocumentName> = new Map([
  ["plan", "fleetPlan"],
  ["apply", "fleetApply"],
  ["ls", "fleetLs"],
]);

/** By the word after `kopia`, where that is one of a document. */
const KOPIA: ReadonlyMap<string, DocumentName> = new Map([
  ["init", "kopiaInit"],
  ["status", "kopiaStatus"],
  ["maintain", "kopiaMaintain"],
]);

export function requireDocument(name: DocumentName, stdout: string): void {
  const printed: unknown = JSON.parse(stdout);
  const isError = typeof printed === "object" && printed !== null && "error" in printed;
  // A backup of a slot that was removed has a document of its own.
  const isSkipped = name === "backup" && typeof printed === "object" && printed !== null && "skipped" in printed;
  const parsed = DOCUMENTS[isError ? "error" : isSkipped ? "backupSkipped" : name].safeParse(printed);
  if (!parsed.success)
    throw new Error(`what lifeboat ${name} --json printed is not what shared/contract says: ${z.prettifyError(parsed.error)}`);
}
