import { hostname, userInfo } from "node:os";
import type { IdentitySettings } from "../cloud/aws/caller-identity.ts";
import type { Config } from "../config/schema.ts";
import { objectStoreOf } from "../config/store-schema.ts";
import type { KeyDependencies } from "./stores.ts";
import type { Actor } from "../vault/custody/append.ts";

/** The part of the composition root that says who runs this. */

/**
 * With keys or a store in AWS the caller's ARN, asked for once, when it is first needed; else `user@host`. Where AWS does not say, `user@host` with the reason:
 * a backup is worth more than a name.
 */
export function actorOf(config: Config, dependencies?: KeyDependencies): Actor {
  const local = `${userName()}@${hostname()}`;
  let asked: Promise<string> | undefined;
  return () => (asked ??= identify(config, local, dependencies));
}

async function identify(config: Config, local: string, dependencies: KeyDependencies | undefined): Promise<string> {
  const settings = inAws(config);
  if (settings === undefined) return local;
  const { callerIdentity, openClient } = await import("../cloud/aws/caller-identity.ts");
  const client = openClient({ ...settings, credentials: dependencies?.credentials });
  if (dependencies?.debug !== undefined) (await import("./debug/aws.ts")).traceAws(dependencies.debug, dependencies.clock)(client);
  const answer = await callerIdentity(client);
  return "arn" in answer ? answer.arn : `${local} (no identity from STS: ${answer.reason})`;
}

/** Whose service to ask; undefined where nothing is in AWS. A store at an address of its own is mostly none of AWS's. */
export function inAws({ keys, store: configured }: Config): IdentitySettings | undefined {
  const store = objectStoreOf(configured);
  if (keys.kind === "kms") return { region: keys.region, endpoint: keys.endpoint };
  return store.kind === "s3" && store.endpoint === undefined ? { region: store.region } : undefined;
}

/** A container may run under a number that no name belongs to. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
