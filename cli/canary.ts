import type { Command } from "commander";
import { confirmCanary, makeCanary } from "../shared/jobs/canary.ts";
import { canaryPorts, readCanary, writeCanary } from "../shared/wire/canary.ts";
import type { Run } from "./command.ts";
import { printDone, printJson } from "./console.ts";

/** `lifeboat keys canary make` and `lifeboat keys canary confirm`. */
export function addCanary(keys: Command, run: Run): void {
  const canary = keys
    .command("canary")
    .summary("rehearse break-glass: open something by hand, and have it recorded")
    .description(
      "Show that a break-glass identity still opens what is stored. A canary is a file for each break-glass recipient with a phrase in it; whoever opens it by hand, where the identity is kept, says the phrase. Needs the audit key.",
    );
  canary
    .command("make")
    .summary("write a canary for each break-glass recipient")
    .description(
      "Write a signed canary into a new folder: a file to open for each break-glass recipient of the configuration. Nothing in it is secret without the identity.",
    )
    .requiredOption("--out <folder>", "a new folder")
    .addHelpText("after", "\nExample:\n  $ lifeboat keys canary make --out canary")
    .action(({ out }: { readonly out: string }) =>
      run(async (session) => {
        const { config } = await session.loadConfig();
        const ports = await session.openPorts();
        const made = await makeCanary(canaryPorts(ports, session.surroundings), config.breakGlass);
        const files = await writeCanary(session.resolvePath(out), made, session.console.signal);
        if (session.json) printJson(session.console, "keys", { folder: session.resolvePath(out), files });
        else
          printDone(
            session.console,
            [
              `wrote a canary to ${out}`,
              ...files.map(({ recipient, file }) => `open where the identity of ${recipient} is kept: age -d -i IDENTITY ${file}`),
              `then here: lifeboat keys canary confirm PHRASE --canary ${out}`,
            ].join("\n"),
          );
        return 0;
      }),
    );
  canary
    .command("confirm")
    .summary("record that a canary was opened, by the phrase in it")
    .description("Record in the custody log of every configured cluster that a break-glass identity opened a canary.")
    .argument("<phrase>", "as age printed it")
    .requiredOption("--canary <folder>", "the folder that lifeboat keys canary make wrote")
    .addHelpText("after", "\nExample:\n  $ lifeboat keys canary confirm k7m2-9xw4-0abc-defg-hjkm --canary canary")
    .action((phrase: string, { canary: folder }: { readonly canary: string }) =>
      run(async (session) => {
        const { config } = await session.loadConfig();
        const bytes = await readCanary(session.resolvePath(folder), folder);
        const ports = await session.openPorts();
        const { recipient, madeAt, records } = await confirmCanary(
          ports,
          { bytes, name: folder, phrase },
          Object.keys(config.clusters),
          session.console.signal,
        );
        if (session.json) printJson(session.console, "keys", { recipient, madeAt, records: [...records] });
        else
          printDone(
            session.console,
            `recorded for ${records.map(({ cluster }) => cluster).join(", ")}: the identity of ${recipient} opens`,
          );
        return 0;
      }),
    );
}
