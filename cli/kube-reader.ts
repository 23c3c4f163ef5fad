import { isLifeboatError } from "../shared/errors.ts";
import type { ObjectDecoder } from "../shared/kube/decoder.ts";
import type { Session } from "./command.ts";

/** What reads objects of Kubernetes, also where there is no configuration. `config` is the API server's EncryptionConfiguration, as the person named it. */
export async function openReader(session: Session, config: string | undefined): Promise<ObjectDecoder> {
  const { openDecoder, readEncryptionKeys } = await import("../shared/wire/kube.ts");
  const keys = config === undefined ? [] : await readEncryptionKeys(session.resolvePath(config), config);
  const loaded = await session.loadConfig().catch((error: unknown) => {
    if (session.configOption === undefined && isLifeboatError(error, "config/not-found")) return undefined;
    throw error;
  });
  return openDecoder(loaded, session.surroundings, keys);
}
