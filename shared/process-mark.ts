import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { errnoOf } from "./folders.ts";

/** A process, so that another one can tell whether it still runs. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, so that a reused process id is not taken for it: in clock ticks since the machine's start. Empty where there is no /proc. */
  readonly birth: string;
}

export async function ownMark(): Promise<ProcessMark> {
  return { pid: process.pid, birth: await birthOf(process.pid) };
}

/** Of a process of this machine and container. */
export async function isAlive({ pid, birth }: ProcessMark): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) === "ESRCH") return false;
    if (errnoOf(error) !== "EPERM") throw error;
  }
  return (await birthOf(pid)) === birth;
}

/** When the process started: in clock ticks since the machine's start. Empty where there is none. */
export async function birthOf(pid: number): Promise<string> {
  return (await statOf(pid))?.[19] ?? "";
}

/** proc(5): the fields of stat from the third one on: state, parent, group, session. Undefined where there is no such process, or no /proc. */
export async function statOf(pid: number): Promise<readonly string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field is the program's name in parentheses and may itself hold spaces.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Eight hex digits for where process ids are this process's: one start of one machine, and there one container. */
export async function placeOfProcesses(): Promise<string> {
  const [boot, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ]);
  return createHash("sha256").update(`${hostname()} ${boot.trim()} ${namespace}`).digest("hex").slice(0, 8);
}

/** This process, as part of a file's name: where its id counts, the id, and its birth. MARK matches it. */
export async function markInName(): Promise<string> {
  const { pid, birth } = await ownMark();
  return `${await placeOfProcesses()}-${pid}-${birth}`;
}

export const MARK = /[0-9a-f]{8}-\d+-\d*/;

/** Whether the process that `mark` names runs no more; undefined for one of another machine or container. */
export async function isDead(mark: string): Promise<boolean | undefined> {
  const [place, pid, birth = ""] = mark.split("-");
  if (place !== (await placeOfProcesses())) return undefined;
  return !(await isAlive({ pid: Number(pid), birth }));
}
