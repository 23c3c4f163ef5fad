import { Argument } from "commander";
import type { Command } from "commander";
import { listClusters, listIds } from "../shared/vault/catalog.ts";
import { wire } from "../shared/wire/ports.ts";
import { newSession } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { complete, configIn } from "./completion/candidates.ts";
import type { Lookups } from "./completion/candidates.ts";
import { SCRIPTS } from "./completion/scripts.ts";
import { print } from "./console.ts";
import { printable } from "./format.ts";

/** `lifeboat completion`, and the hidden command that its scripts ask. */
export const registerCompletion: Register = (program, run) => {
  program
    .command("completion")
    .summary("print a script that completes commands by Tab")
    .description("Print a shell script that completes commands, flags, clusters, replicas and snapshot refs.")
    .addArgument(new Argument("<shell>", "for which shell").choices(Object.keys(SCRIPTS)))
    .addHelpText(
      "after",
      "\nExample, for a line in ~/.bashrc or ~/.zshrc (after compinit):\n  $ lifeboat completion bash\n  source <(lifeboat completion bash)",
    )
    .action((shell: string) =>
      run(async (session) => {
        session.console.stdout.write(SCRIPTS[shell] ?? "");
        return 0;
      }),
    );
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action((words: readonly string[]) =>
      run(async (session) => {
        await answer(session, program, words);
        return 0;
      }),
    );
};

async function answer(session: Session, program: Command, words: readonly string[]): Promise<void> {
  const { kind, words: candidates } = await complete(program, words, lookupsIn(session, configIn(words)));
  const lines = candidates.map(({ word, about }) => `${printable(word)}\t${about ?? ""}`);
  print(session.console, [kind, ...lines].join("\n"));
}

/** A person waits at Tab: what takes longer is not worth it. */
const LOOKUP_MS = 1500;

function lookupsIn({ console, surroundings }: Session, config: string | undefined): Lookups {
  const session = newSession(console, surroundings, { json: false, configs: config === undefined ? [] : [config] });
  const quickly = async (names: Promise<readonly string[]>): Promise<readonly string[]> => {
    const late = Promise.withResolvers<readonly string[]>();
    const cancel = surroundings.clock.after(LOOKUP_MS, () => late.resolve([]));
    // Without a configuration or store there is nothing to complete, and a Tab is no place for a complaint.
    return Promise.race([names.catch(() => []), late.promise]).finally(cancel);
  };
  const loaded = session.loadConfig();
  loaded.catch(() => undefined);
  const blobs = loaded.then(async (each) => (await wire(each, surroundings)).blobs);
  blobs.catch(() => undefined);
  return {
    clusters: () => quickly(loaded.then((each) => Object.keys(each.config.clusters))),
    replicas: () => quickly(loaded.then((each) => each.config.replicas.map(({ name }) => name))),
    storedClusters: () => quickly(blobs.then(listClusters)),
    ids: (cluster) => quickly(blobs.then((each) => listIds(each, cluster))),
  };
}
