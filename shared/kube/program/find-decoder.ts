import { LifeboatError } from "../../errors.ts";
import { KUBE_DECODE } from "../../host/program-finder.ts";
import type { ProgramFinder } from "../../host/program-finder.ts";

/** The path of the program that decodes. Throws `decoder/missing` where there is none that serves. */
export async function findDecoder(finder: ProgramFinder, signal: AbortSignal): Promise<string> {
  const { found, passedOver } = await finder.find(KUBE_DECODE, signal);
  if (found !== undefined) return found.path;
  const others = passedOver.map(({ path, reason }) => `; ${path} ${reason}`).join("");
  throw new LifeboatError("decoder/missing", `kube-decode, which reads objects of Kubernetes, was not found${others}`, {
    hint: "install the package of programs for this system beside etcd-lifeboat, or name a folder that holds it as tools.dir in the configuration; without it values can be had as they are (raw)",
  });
}
