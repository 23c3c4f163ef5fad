import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isAbsolute, normalize, resolve } from "node:path";
import { backupAccess, verifierAccess } from "../shared/config/etcd-access.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { messageOf } from "../shared/errors.ts";

/**
 * The certificates of authorities that clusters name by `file:`, the one kind of file that goes with a function's code: they are public. Each stands below the folder
 * of the configuration, is there, and holds nothing but certificates; `problems` is told of the others.
 */
export function readAuthorities({ config, directory }: LoadedConfig, problems: string[]): readonly string[] {
  const paths = new Set<string>();
  for (const [name, cluster] of Object.entries(config.clusters)) {
    const named = [backupAccess(name, cluster), verifierAccess(name, cluster)].flatMap(({ tls }) => tls?.ca ?? []);
    for (const { setting, reference } of new Map(named.map((ca) => [ca.setting, ca])).values()) {
      if (!reference.startsWith("file:")) continue;
      const path = reference.slice("file:".length);
      const problem = problemOf(path, directory);
      if (problem === undefined) paths.add(path);
      else problems.push(`${setting}: ${problem}`);
    }
  }
  return [...paths];
}

function problemOf(path: string, directory: string): string | undefined {
  if (isAbsolute(path) || normalize(path).startsWith(".."))
    return `${path} is not below the folder of the configuration, and goes with the function's code; copy it there`;
  let text: string;
  try {
    text = readFileSync(resolve(directory, path), "utf8");
  } catch (error) {
    return `cannot read ${path}, which goes with the function's code: ${messageOf(error)}`;
  }
  // A private key in the same file would go with it.
  if (/-----BEGIN (?!CERTIFICATE-----)/.test(text))
    return `${path} holds more than certificates, and goes with the function's code; keep the certificates alone in it`;
  try {
    void new X509Certificate(text);
    return undefined;
  } catch (error) {
    return `${path} is not a PEM certificate: ${messageOf(error)}`;
  }
}
