import { RECIPIENT_NAME, UNENROLLED } from "../shared/config/recipients-schema.ts";
import { LifeboatError } from "../shared/errors.ts";
import { requireRecipient } from "../shared/wire/bundle.ts";
import type { Register } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { formatTable } from "./format.ts";

/** `lifeboat recipients ls` and `lifeboat recipients add`. */
export const registerRecipients: Register = (program, run) => {
  const recipients = program
    .command("recipients")
    .summary("list who may get a restore bundle, or enrol somebody")
    .description(
      "List the nodes and people that restore bundles are made for, or check a new one. Nothing is written: recipients are listed in lifeboat.yaml, which people edit.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat recipients ls\n  $ lifeboat recipients add cp-1 age1...");
  recipients
    .command("ls")
    .summary("list them")
    .description("List the recipients of the configuration.")
    .action(() =>
      run(async (session) => {
        const { config } = await session.loadConfig();
        const rows = Object.entries(config.recipients);
        if (session.json)
          printJson(session.console, "recipients", {
            recipients: rows.map(([name, key]) => ({ name, key })),
            unenrolled: config.desk.unenrolled,
            count: rows.length,
          });
        else if (rows.length === 0)
          print(
            session.console,
            "no recipient is enrolled: lifeboat recipients add NAME age1... prints the line to put into the configuration",
          );
        else print(session.console, formatTable(["NAME", "RECIPIENT"], rows));
        return 0;
      }),
    );
  recipients
    .command("add")
    .summary("print the line that enrols one")
    .description(
      "Check a name and an age recipient, and print the line to put under recipients: in lifeboat.yaml. The identity stays on the node or with the person: restore.sh keygen, or age-keygen, makes one.",
    )
    .argument("<name>", "of the node or the person: lower-case letters, digits, '.', '_' and '-'")
    .argument("<key>", "its age recipient: age1...")
    .addHelpText("after", "\nExample:\n  $ lifeboat recipients add cp-1 age1...")
    .action((name: string, key: string) =>
      run(async (session) => {
        if (!RECIPIENT_NAME.test(name) || name.startsWith(UNENROLLED))
          throw new LifeboatError("usage", `"${name}" is no name for a recipient`, {
            hint: `give lower-case letters, digits, '.', '_' and '-', at most 63, not beginning with ${UNENROLLED}`,
          });
        requireRecipient(key);
        const { config, file } = await session.loadConfig();
        const [known] = Object.entries(config.recipients).find(([, each]) => each === key) ?? [];
        if (Object.hasOwn(config.recipients, name))
          throw new LifeboatError("usage", `${name} is enrolled already, with ${config.recipients[name]}`, {
            hint: `change its line in ${file}, or take another name`,
          });
        if (known !== undefined)
          throw new LifeboatError("usage", `that recipient is enrolled already, as ${known}`, {
            hint: "give each node and person an identity of its own",
          });
        const line = `  ${name}: ${key}`;
        if (session.json) printJson(session.console, "recipients", { name, key, line });
        else print(session.console, Object.keys(config.recipients).length === 0 ? `recipients:\n${line}` : line);
        note(session.console, `put it into ${file}${Object.keys(config.recipients).length === 0 ? "" : ", under recipients:"}`);
        return 0;
      }),
    );
};
