import { spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Writable } from "node:stream";

/**
 * A shell that outlives us, reading a pipe whose other end is ours: however this process ends (also by SIGKILL, as test runners do), the pipe closes, and
 * the shell kills the process groups and removes the folders that it was told of. Lines: `+PID`, `-PID`, `/FOLDER`.
 */
const SCRIPT = `
trap '' HUP INT TERM
pids=' '
while IFS= read -r line; do
  case $line in
    +*) pids="$pids\${line#+} " ;;
    -*) pid=\${line#-}; case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
    /*) set -- "$@" "$line" ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid"; done
for folder in "$@"; do rm -rf -- "$folder"; done
`;

let pipe: Writable | undefined;

/** From now on the process group that `pid` leads ends with this process. */
export function guardProcess(pid: number): void {
  tell(`+${pid}`);
}

/** `pid` has ended: its number may soon be another's. */
export function forgetProcess(pid: number): void {
  tell(`-${pid}`);
}

/** `folder`, an absolute path, is removed when this process ends. */
export function guardFolder(folder: string): void {
  tell(folder);
}

function tell(line: string): void {
  pipe ??= startGuard();
  pipe.write(`${line}\n`);
}

function startGuard(): Writable {
  // A session of its own, so that Ctrl-C in our terminal does not end it before us.
  const shell = spawn("/bin/sh", ["-c", SCRIPT], { cwd: "/", stdio: ["pipe", "ignore", "ignore"], detached: true });
  shell.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return shell.stdin;
}
