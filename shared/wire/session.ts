import type { LoadedConfig } from "../config/load.ts";
import { SESSION_TAG } from "../contract/service.ts";
import { inAws } from "./actor.ts";
import type { Surroundings } from "./ports.ts";

/** The part of the composition root that takes another role. */

/**
 * Surroundings in which AWS is called as `role`, assumed for `cluster` by the session tag: what is done in them can touch no other cluster. Throws `service/denied` where the role may not be assumed so, `service/failed` where STS could not be asked.
 */
export async function inRoleFor(loaded: LoadedConfig, surroundings: Surroundings, role: string, cluster: string): Promise<Surroundings> {
  const settings = inAws(loaded.config);
  // Without keys or a store in AWS there is nothing that a role would be for.
  if (settings === undefined) return surroundings;
  const [{ openClient }, { assumedRole }] = await Promise.all([
    import("../cloud/aws/caller-identity.ts"),
    import("../cloud/aws/session.ts"),
  ]);
  const { clock, debug } = surroundings;
  const client = openClient(settings);
  if (debug !== undefined) (await import("./debug/aws.ts")).traceAws(debug, clock)(client);
  const credentials = assumedRole(client, { role, name: cluster, tags: { [SESSION_TAG]: cluster } }, clock);
  // Told here, and not as a store or a key that cannot be used.
  await credentials();
  return { ...surroundings, credentials };
}
