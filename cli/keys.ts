import { describeKeys } from "../shared/jobs/describe-keys.ts";
import { wire } from "../shared/wire/ports.ts";
import { addCanary } from "./canary.ts";
import type { Register } from "./command.ts";
import { print, printJson, note, widthOf } from "./console.ts";
import { formatTable } from "./format.ts";

/** `lifeboat keys`. */
export const registerKeys: Register = (program, run) => {
  const keysCommand = program
    .command("keys")
    .summary("show the keys and which are trusted")
    .description(
      "Show the fingerprints of the signing keys, whether the configuration trusts them, and which keys can open snapshots. Prints nothing secret. The exit code is 6 if a key is there but not trusted.",
    )
    .addHelpText("after", "\nExamples:\n  $ lifeboat keys\n  $ lifeboat keys canary make --out canary")
    .action(() =>
      run(async (session) => {
        const loaded = await session.loadConfig();
        const { keys, trusted } = await wire(loaded, session.surroundings);
        const { signing, alsoTrusted, wrappingKey, unusable } = await describeKeys(keys, trusted);
        const { breakGlass } = loaded.config;
        const replicas = loaded.config.replicas.flatMap(({ name, wrap }) => (wrap === undefined ? [] : [{ name, ...wrap }]));
        if (session.json) {
          printJson(session.console, "keys", {
            location: keys.location,
            signing: signing.map((each) => ({ ...each, fingerprint: each.fingerprint ?? null })),
            alsoTrusted,
            wrappingKey: wrappingKey ?? null,
            unusable: unusable.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
            breakGlass,
            replicas: replicas.map((each) => ({ recipient: null, key: null, region: null, endpoint: null, ...each })),
          });
        } else {
          const absent = (name: string): string => unusable.find(({ key }) => key === name)?.error.code ?? "not here";
          const rows = [
            ...signing.map((each) => [
              each.purpose,
              each.fingerprint ?? absent(each.purpose),
              each.fingerprint === undefined ? "" : each.trusted ? "trusted" : "NOT TRUSTED",
            ]),
            ...alsoTrusted.map((each) => [each.purpose, each.fingerprint, "trusted, not here"]),
            ["wrapping", wrappingKey ?? absent("wrapping"), ""],
            ...replicas.map((each) => [
              `replica ${each.name}`,
              each.kind === "local" ? each.recipient : `${each.key} in ${each.region}`,
              "",
            ]),
            ...breakGlass.map((recipient) => ["break-glass", recipient, ""]),
          ];
          print(session.console, formatTable(["PURPOSE", "KEY", "TRUST"], rows, { width: widthOf(session.console.stdout) }));
        }
        for (const { error } of unusable) note(session.console, `warning: ${error.message}`);
        return signing.some((each) => each.fingerprint !== undefined && !each.trusted) ? 6 : 0;
      }),
    );
  addCanary(keysCommand, run);
};
