import { LEAST_VALID_MS } from "../shared/bundle/plan.ts";
import { parseId } from "../shared/documents/slot.ts";
import { LifeboatError } from "../shared/errors.ts";
import { renewUrls } from "../shared/jobs/bundle/renew.ts";
import { onlyCluster, validFor } from "./bundle-options.ts";
import type { BundleOptions } from "./bundle-options.ts";
import { tellBundle } from "./bundle-text.ts";
import type { Session } from "./command.ts";
import type { ExitCode } from "./exit-codes.ts";

/** As long as S3 lets any address last. */
const MOST_VALID_URL_MS = 168 * LEAST_VALID_MS;

/** `lifeboat bundle --renew`. */
export async function renew(session: Session, typed: string | undefined, options: BundleOptions): Promise<ExitCode> {
  const { console } = session;
  const validMs = validFor(options.valid, MOST_VALID_URL_MS);
  if (options.time !== undefined && parseId(options.time) === undefined)
    throw new LifeboatError("usage", `--time "${options.time}" is not a time such as 20261121T100000Z`, {
      hint: "give the time that lifeboat bundle --publish printed, or leave it out for the newest",
    });
  const ref = typed ?? onlyCluster(await session.loadConfig());
  const ports = await session.openPorts("nothing", options.from);
  const { bundle, urls } = await renewUrls(ports, {
    ref,
    time: options.time,
    recipients: options.recipient,
    validMs,
    signal: console.signal,
  });
  tellBundle(session, bundle, { folder: undefined, location: ports.blobs.location, withPayload: false, urls });
  return 0;
}
