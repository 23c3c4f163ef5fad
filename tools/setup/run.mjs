import { spawn } from "node:child_process";

const running = new Set();
let stopping = false;

/**
 * Runs a program to its end and gives its stdout. Its output is kept back and shown, without hosts and addresses, only in the error
 * where it fails. It leads a process group of its own, so that a signal to us stops all that it started.
 */
export async function run(command, args, { cwd, env }) {
  if (stopping) await new Promise(() => {});
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (...end) => resolve(end));
  }).finally(() => running.delete(child));
  if (stopping) await new Promise(() => {});
  if (code !== 0) {
    throw new Error(`${command} ${args[0]} ended with ${signal ?? code}\n${excerpt(withoutHosts(`${stderr}\n${stdout}`.trim()))}`);
  }
  return stdout;
}

/** The first and the last lines: npm begins with what went wrong, and compilers end with it. */
function excerpt(text) {
  const lines = text.split("\n").map((line) => `  ${line}`);
  return (lines.length <= 30 ? lines : [...lines.slice(0, 12), "  ...", ...lines.slice(-12)]).join("\n");
}

/** `text` with addresses of servers taken out: a log may be published, and where packages come from is the user's own affair. */
export function withoutHosts(text) {
  const hosts = new Set(Array.from(text.matchAll(/\bhttps?:\/\/([^\s/:"'@]+@)?([^\s/:"']+)/g), (match) => match[2]));
  for (const match of text.matchAll(/(?:ENOTFOUND|EAI_AGAIN|lookup) ([\w.-]+\.\w+)/g)) hosts.add(match[1]);
  let clean = text.replace(/\bhttps?:\/\/[^\s"'<>]*[^\s"'<>:,.;)]/g, "(address)");
  for (const host of hosts) clean = clean.replaceAll(host, "(host)");
  return clean.replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, "(address)").replace(/\[[0-9a-f]*:[0-9a-f:]+\](:\d+)?/gi, "(address)");
}

/** On Ctrl-C, SIGTERM or a closed terminal stops what runs and ends with 128 + the signal's number. */
export function stopOnSignals() {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ]) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      const children = [...running];
      const ends = children.map((child) => new Promise((resolve) => child.once("close", resolve)));
      signalGroups(children, "SIGTERM");
      // Longer than npm and go take to clean up, short enough for a person who wants out.
      setTimeout(() => signalGroups(children, "SIGKILL"), 3000).unref();
      void Promise.all(ends).then(() => process.exit(code));
    });
  }
}

function signalGroups(children, signal) {
  for (const child of children) {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group is gone already, which is what was wanted.
    }
  }
}
