import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { freePort, freePorts } from "../../tools/lab/free-port.ts";
import { LabProcess } from "../../tools/lab/processes.ts";
import { runProgram } from "../../tools/lab/run-program.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";

const env = { PATH: process.env["PATH"] };

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("until", () => {
  test("gives the first answer that is one", async () => {
    const answers = [undefined, false, "here"] as const;
    let asked = 0;
    expect(await until("an answer", 1000, () => answers[asked++], 1)).toBe("here");
    expect(asked).toBe(3);
  });

  test("says what did not happen in time", async () => {
    await expect(until("the sun to rise", 5, () => false, 1)).rejects.toThrow("the sun to rise: not within 5 ms");
  });

  test("ends at once where the question cannot be asked", async () => {
    let asked = 0;
    const attempt = (): false => {
      asked++;
      throw new Error("it is gone");
    };
    await expect(until("an answer", 60_000, attempt)).rejects.toThrow("it is gone");
    expect(asked).toBe(1);
  });
});

describe("free ports", () => {
  test("are different, free, and never one that somebody listens on", async () => {
    const ports = await freePorts(20);
    expect(new Set([...ports, await freePort()]).size).toBe(21);
    for (const port of ports) {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe("a process of the lab", () => {
  test("stops at SIGTERM, also where it was paused, and by SIGKILL where it does not listen", async () => {
    await using folder = await temporaryFolder();
    const logFile = join(folder.path, "log");
    const polite = await LabProcess.start({ command: "sleep", args: ["600"], env, logFile });
    await polite.pause();
    await polite.stop();
    expect([polite.isRunning, exists(polite.pid)]).toEqual([false, false]);

    const deaf = await LabProcess.start({
      command: "sh",
      args: ["-c", "trap '' TERM; echo deaf; while :; do sleep 0.01; done"],
      env,
      logFile,
    });
    await until("the trap set", 5000, () => deaf.logTail() === "deaf");
    await deaf.stop(50);
    expect([deaf.isRunning, exists(deaf.pid)]).toEqual([false, false]);
    await expect(deaf.pause()).rejects.toThrow(/^sh \(pid \d+\) has ended$/);
  });

  test("that cannot be started says why", async () => {
    await using folder = await temporaryFolder();
    await expect(LabProcess.start({ command: "/no/such/program", args: [], env, logFile: join(folder.path, "log") })).rejects.toThrow(
      "ENOENT",
    );
  });

  test("ends, and its folder goes, when the process that started it is killed by SIGKILL", async () => {
    const script = fileURLToPath(new URL("fixtures/killed-parent.ts", import.meta.url));
    const failure: unknown = await promisify(execFile)(process.execPath, [script]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ signal: "SIGKILL" });
    const { pid, folder } = JSON.parse((failure as { stdout: string }).stdout) as { pid: number; folder: string };
    await until("the child killed", 5000, () => !exists(pid));
    await until("the folder removed", 5000, () => !existsSync(folder));
  });
});

describe("a program run to its end", () => {
  test("gets its input and gives its output", async () => {
    expect(await runProgram("cat", [], { env, input: "to be or not" })).toBe("to be or not");
  });

  test("says what it said when it fails, but not what was put in", async () => {
    const run = runProgram("sh", ["-c", "echo not found >&2; exit 3"], { env, input: "secret" });
    await expect(run).rejects.toThrow("sh -c echo not found >&2; exit 3 ended with 3: not found");
  });
});

test("a temporary folder is gone with all that is in it", async () => {
  const folder = await temporaryFolder();
  await runProgram("sh", ["-c", "mkdir a; echo x > a/b"], { env, cwd: folder.path });
  expect(await readFile(join(folder.path, "a/b"), "utf8")).toBe("x\n");
  await folder.remove();
  expect(existsSync(folder.path)).toBe(false);
});
