import type { LoadedConfig } from "../config/load.ts";
import { openEtcd } from "../etcd/grpc/source.ts";
import { LifeboatError } from "../errors.ts";
import { nameOf } from "../host/program-finder.ts";
import { writeFolder } from "../host/files/output-folder.ts";
import { LinuxWorkplaces } from "../host/workplace/linux-workplace.ts";
import { makeBundle } from "../jobs/bundle/make.ts";
import { deskBundles } from "../jobs/drill/desk-bundle.ts";
import { DRILL_REASON, DRILL_VALID_MS } from "../jobs/drill/drill.ts";
import type { DrillPorts } from "../jobs/drill/drill.ts";
import type { Progress } from "../progress.ts";
import { newIdentity } from "../seal/age.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";
import { bundleParts, folderOutput, ownArchitecture } from "./bundle.ts";
import { openFunctions } from "./functions.ts";
import { openDecoder } from "./kube.ts";
import type { Ports, Surroundings } from "./ports.ts";
import { findPrograms } from "./programs.ts";

/** The part of the composition root that rehearses restores. */

/** 5 s to connect, and a minute for a page of keys: the member is on this machine, and has just read all of its database. */
const [CONNECT_MS, CALL_MS] = [5000, 60_000];

/** The ports of a drill, which tells its steps to `progress`. `bundleOf` has its bundle made; left out, the same caller makes it, by the desk's key. */
export function drillPorts(
  loaded: LoadedConfig,
  ports: Ports,
  surroundings: Surroundings,
  progress: Progress,
  bundleOf: DrillPorts["bundleOf"] = ownBundles(loaded, ports, surroundings, progress),
): DrillPorts {
  const { clock, environment } = surroundings;
  const note = (level: "info" | "warn", message: string): void => progress.note(level, message);
  return {
    ...ports,
    progress,
    places: new LinuxWorkplaces({ clock, path: environment["PATH"], note }),
    decoder: openDecoder(loaded, surroundings, []),
    newIdentity,
    connectTo: (endpoint, tls) => openEtcd({ endpoints: [endpoint], tls, connectMs: CONNECT_MS, callMs: CALL_MS }, clock),
    findEtcd: async (minor, version, signal) => {
      const program = { name: "etcd", minor } as const;
      const { found, passedOver } = await (await findPrograms(loaded, surroundings)).find(program, signal);
      if (found !== undefined) return found.path;
      const others = passedOver.map(({ path, reason }) => `; ${path} ${reason}`).join("");
      const release =
        version === undefined
          ? `the newest v${minor} of https://github.com/etcd-io/etcd/releases`
          : `https://github.com/etcd-io/etcd/releases/tag/v${version}`;
      throw new LifeboatError("config/not-found", `${nameOf(program)}, which a drill runs on what it restored, was not found${others}`, {
        hint: `install the package @etcd-lifeboat/etcd-${process.platform}-${process.arch} of this release beside etcd-lifeboat; or take etcd from ${release}, check it against SHA256SUMS there, and put it on PATH or as etcd-${minor}/etcd into the folder that tools.dir names`,
      });
    },
    bundleOf,
  };
}

/** The ports of a drill in the service, whose bundle the desk of drills makes. */
export async function deskDrillPorts(
  loaded: LoadedConfig,
  ports: Ports,
  surroundings: Surroundings,
  progress: Progress,
): Promise<DrillPorts> {
  const bundleOf = deskBundles(ports, {
    functions: await openFunctions(loaded, surroundings),
    service: loaded.config.service.name,
    architecture: ownArchitecture(),
    write: (out, files, signal) => writeFolder(out, files, signal, (bytes) => progress.advance(bytes)),
  });
  return drillPorts(loaded, ports, surroundings, progress, bundleOf);
}

function ownBundles(loaded: LoadedConfig, ports: Ports, surroundings: Surroundings, progress: Progress): DrillPorts["bundleOf"] {
  const { clock, randomBytes } = surroundings;
  const note = (level: "info" | "warn", message: string): void => progress.note(level, message);
  const quiet = { debug: progress.debug, phase: () => {}, advance: (bytes: number) => progress.advance(bytes), note };
  return async (ref) => {
    await requireTrustedKey(ports.keys, ports.trusted, "bundle");
    const parts = await bundleParts(loaded, surroundings);
    return async ({ recipient, members, out, signal }) =>
      makeBundle(
        { ...ports, progress: quiet, randomBytes, parts },
        {
          ref,
          recipients: [recipient],
          members,
          architecture: ownArchitecture(),
          distribution: "etcd",
          reason: DRILL_REASON,
          validMs: DRILL_VALID_MS,
          signal,
          output: folderOutput(out, ports, true, (text) => note("info", text), clock.now()),
        },
      );
  };
}
