import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LabProcess } from "../../../tools/lab/processes.ts";
import { etcdOf, manifestsOf, starterOf } from "../../support/site-node.ts";
import type { Layout, SiteNode } from "../../support/site-node.ts";

/** What makes each step of restore.sh fail on a node: real programs that fail, places that cannot be written, ports that are taken. */

/** The cause of a failure. */
export interface Fault {
  /** bash, run in restore.sh's own shell just before the step. */
  readonly action?: string;
  /** Of the refusal. */
  readonly code: number;
  readonly message: string;
  /** Before apply runs; what it gives mends the cause. */
  readonly set?: (node: SiteNode) => Promise<() => Promise<void>>;
  /** After apply failed. */
  readonly mend?: (node: SiteNode) => void;
}

/** A file of a few KiB is too large, as on a disk that is full; the journal fits. */
const DISK_IS_FULL = "trap '' XFSZ; ulimit -f 16";

/** A stand-in on the node's PATH that fails where its arguments fit. */
function failing(name: string, when: string): Pick<Fault, "set"> {
  return {
    set: (node) => {
      const file = join(node.root, "plane/bin", name);
      const whole = `${file}.whole`;
      copyFileSync(file, whole);
      const text = readFileSync(file, "utf8").replace("#!/bin/sh\n", `#!/bin/sh\ncase "$*" in ${when}) exit 1 ;; esac\n`);
      writeFileSync(`${file}.new`, text, { mode: 0o755 });
      renameSync(`${file}.new`, file);
      return Promise.resolve(() => Promise.resolve(renameSync(whole, file)));
    },
  };
}

/** Something else listens where etcd did, from the moment that it lets go. */
function portTaken(of: "peerUrl" | "clientUrl"): Pick<Fault, "set"> {
  return {
    set: (node) => {
      const wanted = new AbortController();
      const listen = (): Promise<Server | undefined> =>
        new Promise((resolve) => {
          const server = createServer((socket) =>
            socket
              .on("error", () => {})
              .resume()
              .end("HTTP/1.0 200 OK\r\n\r\n"),
          );
          server.once("error", () => resolve(undefined));
          server.listen(Number(new URL(node[of]).port), "127.0.0.1", () => resolve(server));
        });
      const taken = (async () => {
        for (;;) {
          const server = await listen();
          if (server !== undefined || wanted.signal.aborted) return server;
          await delay(2);
        }
      })();
      return Promise.resolve(async () => {
        wanted.abort();
        await (await taken)?.[Symbol.asyncDispose]();
      });
    },
  };
}

/** A process that has the database open and does not end when it is told to. */
const HELD: Pick<Fault, "set"> = {
  set: async (node) => {
    const args = ["-c", `trap '' TERM; exec 3<${node.dataDir}/member/snap/db; exec sleep infinity`];
    const holder = await LabProcess.start({
      command: "bash",
      args,
      env: { PATH: "/usr/bin:/bin" },
      logFile: join(node.root, "holder.log"),
    });
    return () => holder.kill();
  },
};

/** The folder of the manifests is gone, as a disk that is not mounted any more. */
const NO_MANIFESTS: Fault = {
  action: 'mv "$MANIFESTS" "$MANIFESTS.away"',
  code: 5,
  message: "cannot be renamed",
  mend: (node) => renameSync(`${manifestsOf(node)}.away`, manifestsOf(node)),
};

/** It takes connections, and answers nothing. */
const ETCD_HANGS = (message: string): Fault => ({
  action: "db_is_open && kill -STOP $HOLDER",
  code: 3,
  message,
  mend: (node) => {
    const pid = etcdOf(node);
    if (pid !== undefined) process.kill(pid, "SIGCONT");
  },
});

/** A file that has the name which the old member is to get. */
const NAME_TAKEN: Fault = {
  action: ': > "$(old_member)"',
  code: 5,
  message: "cannot be renamed",
  mend: (node) => {
    for (const entry of readdirSync(node.dataDir, { withFileTypes: true })) if (entry.isFile()) rmSync(join(node.dataDir, entry.name));
  },
};

/** A folder that has the name of the copy which is to take a file's place. */
const copyInTheWay = (file: string): Fault => ({
  action: `mkdir -p "${file}.lifeboat/x"`,
  code: 5,
  message: "cannot be copied",
  mend: (node) => {
    for (const each of ["var/lib/etcd-lifeboat/restore/manifests/etcd.yaml", "etc/etcd.env"])
      rmSync(join(node.root, `${each}.lifeboat`), { recursive: true, force: true });
  },
});

type ByLayout = Readonly<Record<Layout, Fault>>;
const everywhere = (fault: Fault): ByLayout => ({ "static-pod": fault, systemd: fault, bare: fault });
const noApi = (verb: string): Fault => ({
  ...failing("systemctl", `"${verb} kube-apiserver"`),
  code: 3,
  message: `systemctl ${verb} kube-apiserver failed`,
});

export const FAULTS: Readonly<Record<string, ByLayout>> = {
  decrypt: {
    ...everywhere({ action: DISK_IS_FULL, code: 5, message: "could not take the snapshot" }),
    bare: { action: "printf '#!/bin/sh\\nexit 1\\n' > \"$UNPACKED/bin/unzstd\"", code: 4, message: "the payload is no zstd stream" },
  },
  restore: {
    // A disk that gives back other bytes than it took.
    ...everywhere({
      action: 'printf x | dd of="$(stage)/snapshot.db" bs=1 seek=100 conv=notrunc 2>/dev/null',
      code: 4,
      message: "etcdutl did not restore the snapshot",
    }),
    bare: {
      action: "printf '#!/bin/sh\\necho no space left on device >&2\\nexit 1\\n' > \"$UNPACKED/bin/etcdutl\"",
      code: 4,
      message: "etcdutl did not restore the snapshot: no space left on device",
    },
  },
  "stop-api-server": {
    ...everywhere(noApi("stop")),
    "static-pod": { ...failing("crictl", "*"), code: 3, message: "kube-apiserver did not stop" },
  },
  "stop-etcd": {
    "static-pod": { ...HELD, code: 3, message: "etcd still has" },
    systemd: { ...failing("systemctl", '"stop etcd"'), code: 3, message: "systemctl stop etcd failed" },
    bare: { ...HELD, code: 3, message: "etcd still has" },
  },
  "old-members": everywhere({ ...portTaken("peerUrl"), code: 3, message: "still answers" }),
  swap: everywhere(NAME_TAKEN),
  configure: {
    "static-pod": copyInTheWay("$STATE/manifests/etcd.yaml"),
    systemd: copyInTheWay("$ROOT/etc/etcd.env"),
    bare: copyInTheWay("$ROOT/etc/etcd.env"),
  },
  "start-etcd": {
    "static-pod": NO_MANIFESTS,
    systemd: { ...failing("systemctl", '"start --no-block etcd"'), code: 3, message: "systemctl start etcd failed" },
    bare: {
      set: (node) => {
        renameSync(starterOf(node), `${starterOf(node)}.away`);
        writeFileSync(starterOf(node), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
        return Promise.resolve(() => Promise.resolve(renameSync(`${starterOf(node)}.away`, starterOf(node))));
      },
      code: 3,
      message: "/start failed",
    },
  },
  health: {
    ...everywhere({ ...portTaken("clientUrl"), code: 3, message: "did not become healthy" }),
    systemd: {
      set: async (node) => {
        const free = await portTaken("clientUrl").set?.(node);
        const mark = join(node.root, "plane/failed");
        writeFileSync(mark, "");
        return async () => {
          rmSync(mark);
          await free?.();
        };
      },
      code: 3,
      message: "etcd ended: unit etcd has failed",
    },
  },
  disarm: everywhere(ETCD_HANGS("alarms cannot be listed")),
  compare: everywhere(ETCD_HANGS("did not say its hash")),
  "start-api-server": { ...everywhere(noApi("start")), "static-pod": NO_MANIFESTS },
};

/** What makes each step of apply --join fail on a node under systemd. `first` is the member that was restored: it stops answering where a step needs it. */
export function joinFaults(first: SiteNode): Readonly<Record<string, Fault>> {
  const pid = etcdOf(first);
  if (pid === undefined) throw new Error("the restored member does not run");
  const firstHangs = (message: string): Fault => ({
    action: `kill -STOP ${pid}`,
    code: 3,
    message,
    mend: () => process.kill(pid, "SIGCONT"),
  });
  const of = (step: string): Fault => {
    const fault = FAULTS[step]?.systemd;
    if (fault === undefined) throw new Error(`nothing makes ${step} fail`);
    return fault;
  };
  return {
    "stop-api-server": of("stop-api-server"),
    "stop-etcd": of("stop-etcd"),
    "await-cluster": firstHangs("no other member of the plan answers as one that was restored by it"),
    "add-learner": firstHangs("the cluster did not take this member"),
    "set-aside": NAME_TAKEN,
    configure: of("configure"),
    "start-etcd": of("start-etcd"),
    promote: firstHangs("this member did not catch up with the others"),
    health: ETCD_HANGS("did not become healthy"),
    compare: ETCD_HANGS("members cannot be listed"),
    "start-api-server": of("start-api-server"),
  };
}
