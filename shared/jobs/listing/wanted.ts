import { parseListed } from "../../config/listed.ts";
import type { WrittenCluster } from "../../config/listed.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import type { WrittenHere } from "../../config/team-files.ts";
import { LifeboatError } from "../../errors.ts";
import type { ClusterList } from "./changes.ts";
import { crowdedNetworks, problemsOf } from "./listable.ts";

/** The text of a file. Throws `config/secret` naming `setting` and the path. */
export type ReadFile = (path: string, setting: string, directory: string) => Promise<string>;

const SHOWN = 20;

/**
 * The clusters of the configuration as a list has them: certificates of authorities stand in it themselves, since no function has the file. Throws `config/invalid` with all that the service could not follow.
 */
export async function wantedList({ config, file, written = {} }: LoadedConfig, readFile: ReadFile): Promise<ClusterList> {
  const settings = new Map<string, WrittenCluster>();
  for (const [name, here] of Object.entries(written)) settings.set(name, await withAuthorities(name, here, readFile));
  const clusters = new Map<string, ClusterConfig>([...settings].map(([name, each]) => [name, parseListed(name, each, file)]));
  const problems = [...clusters].flatMap(([name, cluster]) => problemsOf(name, cluster, config.service));
  problems.push(...crowdedNetworks([...clusters.values()]));
  if (problems.length > 0) {
    const more = problems.length - SHOWN;
    throw new LifeboatError("config/invalid", [...problems.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join("\n"), {
      hint: "docs/fleet.md says what a listed cluster may ask for",
    });
  }
  return { names: [...settings.keys()].toSorted(), written: (name) => settings.get(name), cluster: (name) => clusters.get(name) };
}

async function withAuthorities(name: string, { settings, directory }: WrittenHere, readFile: ReadFile): Promise<WrittenCluster> {
  const own = await withAuthority(settings, `clusters.${name}`, directory, readFile);
  const { verify } = own;
  if (!isSettings(verify)) return own;
  return { ...own, verify: await withAuthority(verify, `clusters.${name}.verify`, directory, readFile) };
}

async function withAuthority(settings: WrittenCluster, at: string, directory: string, readFile: ReadFile): Promise<WrittenCluster> {
  const { tls } = settings;
  if (!isSettings(tls) || typeof tls["ca"] !== "string" || !tls["ca"].startsWith("file:")) return settings;
  const text = await readFile(tls["ca"].slice("file:".length), `${at}.tls.ca`, directory);
  return { ...settings, tls: { ...tls, ca: `pem:${certificatesIn(text, `${at}.tls.ca`)}` } };
}

/** A file may hold a private key as well, or notes: they stay where they are. */
function certificatesIn(text: string, setting: string): string {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found !== null) return `${found.join("\n")}\n`;
  throw new LifeboatError("config/invalid", `${setting} names a file without a PEM certificate`, {
    hint: "name a file that has -----BEGIN CERTIFICATE-----",
  });
}

function isSettings(value: unknown): value is WrittenCluster {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
