import { chown, copyFile, mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** The units of examples/systemd, as systemd would run them. */

export type Unit = Readonly<Record<string, readonly string[]>>;

/** Settings of a unit, each with its values in order. */
export async function readUnit(name: string): Promise<Unit> {
  const settings: Record<string, string[]> = {};
  const text = await readFile(new URL(`../../examples/systemd/${name}`, import.meta.url), "utf8");
  for (const line of text.split("\n")) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) (settings[key] ??= []).push(value);
  }
  return settings;
}

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** What a unit's commands are run with: as which user, and by what. */
export interface UnitRun {
  /** The folder that stands for the file system's root. */
  readonly root: string;
  /** The user of the unit; without it the one that runs the test. */
  readonly user?: UserIds;
  /** Runs a command and gives what it printed. */
  readonly run: (command: readonly string[]) => Promise<string>;
}

/** Runs a unit's commands as systemd would for the instance prod; what the last one printed. */
export async function startUnit(name: string, { root, user, run }: UnitRun): Promise<string> {
  const { LoadCredential = [], RuntimeDirectory = [], ExecStartPre = [], ExecStart = [] } = await readUnit(name);
  const [credentials, runtime] = [join(root, "credentials", name), join(root, "run")];
  const give = async (path: string): Promise<void> => (user === undefined ? undefined : chown(path, user.uid, user.gid));
  for (const each of [join(root, "credentials"), runtime]) await mkdir(each, { recursive: true });
  await mkdir(credentials, { recursive: true, mode: 0o700 });
  await give(credentials);
  for (const each of LoadCredential) {
    const [id = "", path = ""] = each.split(":");
    await copyFile(join(root, path), join(credentials, id));
    await give(join(credentials, id));
  }
  const specifiers: Readonly<Record<string, string>> = { "%i": "prod", "%d": credentials, "%t": runtime };
  const expand = (text: string): string => text.replaceAll(/%[a-z]/g, (each) => specifiers[each] ?? each);
  for (const each of RuntimeDirectory) {
    await mkdir(join(runtime, expand(each)), { recursive: true, mode: 0o700 });
    await give(join(runtime, expand(each)));
  }
  let printed = "";
  for (const line of [...ExecStartPre, ...ExecStart]) {
    const [program = "", ...args] = expand(line).split(" ");
    // Without a folder: here it is on PATH elsewhere.
    printed = await run([basename(program), ...args]);
  }
  return printed;
}
