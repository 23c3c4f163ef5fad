import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LinuxWorkplaces } from "../../../shared/host/workplace/linux-workplace.ts";
import { systemClock } from "../../../shared/system-clock.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { fitting } from "../../support/matchers.ts";

const { signal } = new AbortController();

let folder: TemporaryFolder;
let notes: string[];
beforeEach(async () => {
  folder = await temporaryFolder();
  notes = [];
});
afterEach(() => folder.remove());

const places = (): LinuxWorkplaces =>
  new LinuxWorkplaces({ clock: systemClock, path: process.env["PATH"], note: (level, message) => notes.push(`${level}: ${message}`) });
const isAlive = async (pid: number): Promise<boolean> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return text !== undefined && !text.includes(") Z ");
};

test("is this user's alone, runs programs in it, and is gone at the end with what they started", async () => {
  const place = await places().open(folder.path, 1);
  expect((await stat(place.folder)).mode & 0o777).toBe(0o700);
  await place.write("say", '#!/bin/bash\necho "$1"; echo to stderr >&2; pwd\nexit 3\n', "program");
  const lines: string[] = [];
  expect(await place.run([place.path("say"), "it's $HOME\\"], { signal, onLine: (line) => lines.push(line) })).toEqual({
    code: 3,
    lines: ["it's $HOME\\", "to stderr", place.folder],
  });
  expect(lines).toHaveLength(3);
  await place.link("other", "/bin/true");
  expect(await place.run(["other"], { signal })).toEqual({ code: 0, lines: [] });
  expect((await place.run(["no-such-program"], { signal })).code).toBe(127);
  await place.write("background", "#!/bin/bash\nexec >/dev/null 2>&1\ntrap '' TERM\nsleep 1000 &\necho $! >pid\n", "program");
  await place.run([place.path("background")], { signal });
  const pid = Number(await place.read("pid"));
  expect(await place.isRunning(pid)).toBe(true);
  expect(await place.isRunning(process.pid)).toBe(false);
  await place.end();
  expect(await isAlive(pid)).toBe(false);
  expect(await readdir(folder.path)).toEqual([]);
});

test("stops a process that heeds SIGTERM, and one that does not", async () => {
  const place = await places().open(folder.path, 1);
  const start = async (name: string, trap: string): Promise<number> => {
    await place.write(
      name,
      `#!/bin/bash\nexec >/dev/null 2>&1\nbash -c '${trap} echo ready >${name}.ready; while :; do sleep 0.05; done' &\necho $! >${name}.pid\n`,
      "program",
    );
    await place.run([place.path(name)], { signal });
    await until(`${name} runs`, 10_000, async () => (await place.read(`${name}.ready`)) !== undefined);
    return Number(await place.read(`${name}.pid`));
  };
  const [soft, hard] = [await start("soft", ""), await start("hard", 'trap "" TERM;')];
  await place.stop(soft, 60_000);
  expect(await place.isRunning(soft)).toBe(false);
  await place.stop(hard, 100);
  expect(await place.isRunning(hard)).toBe(false);
  await place.end();
});

test("ends what runs when it is interrupted", async () => {
  const stop = new AbortController();
  const place = await places().open(folder.path, 1);
  const run = place.run(["bash", "-c", "echo $$ >pid; exec sleep 1000"], { signal: stop.signal });
  await until("it runs", 10_000, async () => ((await place.read("pid")) ?? "") !== "");
  const pid = Number(await place.read("pid"));
  stop.abort();
  await expect(run).rejects.toThrow("interrupted while running bash");
  await place.end();
  expect(await isAlive(pid)).toBe(false);
});

/** In a process of its own: opens a place, starts something in it, says where, and waits. */
const OPENER = `
import { LinuxWorkplaces } from ${JSON.stringify(fileURLToPath(new URL("../../../shared/host/workplace/linux-workplace.ts", import.meta.url)))};
import { systemClock } from ${JSON.stringify(fileURLToPath(new URL("../../../shared/system-clock.ts", import.meta.url)))};
const places = new LinuxWorkplaces({ clock: systemClock, path: process.env.PATH, note: () => {} });
const place = await places.open(process.argv[1], 1);
await place.run(["bash", "-c", "sleep 1000 >/dev/null 2>&1 & echo $! >pid"], { signal: new AbortController().signal });
console.log(JSON.stringify({ folder: place.folder, pid: Number(await place.read("pid")), guardian: Number((await place.read("guardian")).split(" ")[0]) }));
setInterval(() => {}, 1000);
`;

async function openElsewhere(): Promise<{
  readonly child: ReturnType<typeof spawn>;
  readonly folder: string;
  readonly pid: number;
  readonly guardian: number;
}> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", OPENER, folder.path], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { folder: string; pid: number; guardian: number }) };
}

test("is removed, and what runs in it ends, when the process that opened it is killed", async () => {
  const { child, pid, folder: place } = await openElsewhere();
  expect(await isAlive(pid)).toBe(true);
  child.kill("SIGKILL");
  await until("it is gone", 15_000, async () => !(await isAlive(pid)) && (await stat(place).catch(() => undefined)) === undefined);
});

test("is removed by the next one where its guardian was killed too", async () => {
  const { child, pid, guardian } = await openElsewhere();
  const running = await openElsewhere();
  process.kill(guardian, "SIGKILL");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await isAlive(pid)).toBe(true);
  const place = await places().open(folder.path, 1);
  expect(await isAlive(pid)).toBe(false);
  expect(notes).toEqual([fitting(/^info: removed .*, left by a killed drill$/)]);
  // What others work in stays.
  expect((await readdir(folder.path)).toSorted()).toEqual(
    [place.folder, running.folder].map((each) => each.slice(folder.path.length + 1)).toSorted(),
  );
  expect(await isAlive(running.pid)).toBe(true);
  running.child.kill("SIGKILL");
  await place.end();
  await until("it is gone", 15_000, async () => (await readdir(folder.path)).length === 0);
});

test("is refused without room, and in a folder that others may change", async () => {
  await expect(places().open(folder.path, 2 ** 60)).rejects.toThrow(`and a drill needs ${2 ** 60} there`);
  const open = join(folder.path, "open");
  await mkdir(open);
  await chmod(open, 0o777);
  await expect(places().open(open, 1)).rejects.toThrow("may be changed by others than its owner");
  expect(await readdir(open)).toEqual([]);
  await expect(places().open(join(folder.path, "nothing"), 1)).rejects.toThrow("cannot work in");
});
