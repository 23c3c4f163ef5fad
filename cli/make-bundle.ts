import { resolve } from "node:path";
import { ARCHITECTURES, DISTRIBUTIONS } from "../shared/bundle/plan.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { makeBundle } from "../shared/jobs/bundle/make.ts";
import type { ToldBundle } from "../shared/jobs/bundle/make.ts";
import { StoreOutput } from "../shared/jobs/bundle/publish.ts";
import type { PublishedFile } from "../shared/jobs/bundle/publish.ts";
import { recipientsOf } from "../shared/jobs/bundle/recipients.ts";
import { signUrls } from "../shared/jobs/bundle/urls.ts";
import type { BundleUrls } from "../shared/jobs/bundle/urls.ts";
import { requireReason } from "../shared/jobs/reason.ts";
import { bundleParts, folderOutput, filesAddresser, ownArchitecture, readNodes, requireRecipient } from "../shared/wire/bundle.ts";
import type { Ports } from "../shared/wire/ports.ts";
import { oneOf, refOf, validFor } from "./bundle-options.ts";
import type { BundleOptions } from "./bundle-options.ts";
import { tellBundle } from "./bundle-text.ts";
import { orPointToReplica } from "./from-replica.ts";
import type { Session } from "./command.ts";
import { note } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat bundle`, where it makes one. */
export async function make(session: Session, typed: string | undefined, options: BundleOptions): Promise<ExitCode> {
  const { console, surroundings } = session;
  if (options.out === undefined && options.publish !== true)
    throw new LifeboatError("usage", "nothing says where the bundle goes", { hint: "give --out FOLDER, or --publish for the store" });
  const folder = options.out === undefined ? undefined : resolve(session.resolvePath(options.out));
  const [architecture, distribution] = [
    oneOf("arch", options.arch ?? ownArchitecture(), ARCHITECTURES),
    oneOf("for", options.for ?? "etcd", DISTRIBUTIONS),
  ];
  const validMs = validFor(options.valid);
  const reason = options.reason === undefined ? undefined : requireReason(options.reason);
  const loaded = await session.loadConfig();
  const ref = refOf(loaded, typed);
  const recipients = recipientsOf(loaded.config, { names: options.recipient, unenrolled: options.unenrolled, reason });
  for (const { key } of recipients) requireRecipient(key);
  const members = options.nodes === undefined ? undefined : await readNodes(session.resolvePath(options.nodes), options.nodes);
  const ports = await session.openPorts("nothing", options.from);
  const progress = new ConsoleProgress(console);
  const store = new StoreOutput(ports);
  const output =
    folder === undefined
      ? store
      : folderOutput(folder, ports, options.withPayload === true, (text) => note(console, text), console.clock.now());
  const request = { ref, recipients, members, architecture, distribution, reason, validMs, signal: console.signal, output };
  const words = (name: string): readonly string[] => ["bundle", name, ...recipientWords(options), ...placeWords(options)];
  const addressFiles = options.withoutNodeFiles === true ? undefined : await filesAddresser(loaded, surroundings, ports, options.from);
  const made = await orPointToReplica(session, ports, { ref, from: options.from, words }, async () =>
    makeBundle(
      { ...ports, randomBytes: surroundings.randomBytes, progress, parts: await bundleParts(loaded, surroundings), addressFiles },
      request,
    ),
  ).finally(() => progress.close());
  const urls = folder === undefined ? await urlsOf(ports, made, store.files, console.signal) : undefined;
  tellBundle(session, made, {
    folder,
    location: ports.blobs.location,
    withPayload: options.withPayload === true || made.isSealedAnew,
    urls,
  });
  // The snapshot is what a restore cannot do without: the bundle is there all the same.
  return made.isWithoutFiles ? 6 : 0;
}

/** As long as the plan, which is no longer needed then. */
async function urlsOf(
  { blobs }: Pick<Ports, "blobs">,
  { plan }: ToldBundle,
  files: readonly PublishedFile[],
  signal: AbortSignal,
): Promise<BundleUrls | undefined> {
  try {
    return await signUrls(blobs, { files, payload: plan.payload, until: plan.expiresAt, signal });
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    const { cluster, id } = plan.manifest;
    throw new LifeboatError(error.code, `the bundle is published, and has no addresses: ${error.message}`, {
      hint: `lifeboat bundle ${cluster}/${id} --renew makes them`,
      cause: error,
    });
  }
}

function placeWords({ out, publish, withoutNodeFiles }: BundleOptions): readonly string[] {
  const without = withoutNodeFiles === true ? ["--without-node-files"] : [];
  return [...(publish === true ? ["--publish"] : ["--out", out ?? ""]), ...without];
}

function recipientWords({ recipient, unenrolled, reason }: BundleOptions): readonly string[] {
  return [
    ...recipient.flatMap((name) => ["--recipient", name]),
    ...unenrolled.flatMap((key) => ["--unenrolled", key]),
    ...(reason === undefined ? [] : ["--reason", reason]),
  ];
}
