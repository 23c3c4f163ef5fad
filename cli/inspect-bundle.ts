import { basename } from "node:path";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { inspectBundle } from "../shared/jobs/bundle/inspect.ts";
import type { Inspection } from "../shared/jobs/bundle/inspect.ts";
import { shortDigest } from "../shared/bundle/read-aloud.ts";
import { parsePem } from "../shared/keys/public-key.ts";
import { bundleFolder, identityOpener } from "../shared/wire/bundle.ts";
import { readIdentityFile } from "../shared/wire/identities.ts";
import type { Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";

interface Request {
  readonly folder: string;
  readonly fingerprint?: string;
  readonly identity?: string;
}

/** `lifeboat bundle --inspect`. */
export async function inspect(session: Session, request: Request): Promise<ExitCode> {
  const { console } = session;
  const fingerprint = request.fingerprint === undefined ? undefined : fingerprintIn(request.fingerprint);
  const loaded = await configuration(session, fingerprint !== undefined);
  const path = session.resolvePath(request.folder);
  if (/^\..+\.partial$/.test(basename(path)))
    throw new LifeboatError("input/unusable", `${request.folder} was left by a lifeboat bundle that was killed`, {
      hint: "do not use it: make the bundle again",
    });
  const opener =
    request.identity === undefined
      ? undefined
      : await identityOpener(await readIdentityFile(session.resolvePath(request.identity), request.identity));
  const progress = new ConsoleProgress(console);
  const found = await inspectBundle(
    {
      folder: bundleFolder(path, request.folder),
      clock: console.clock,
      progress,
      parseKey: (pem) => parsePem(Buffer.from(pem).toString("latin1"), `bundle.pub in ${request.folder}`),
    },
    {
      trusted: loaded?.config.trustedKeys,
      clusters: loaded === undefined ? undefined : Object.keys(loaded.config.clusters),
      fingerprint,
      identity: opener,
      signal: console.signal,
    },
  ).finally(() => progress.close());
  if (session.json)
    printJson(console, "bundle", {
      folder: path,
      holds: found.faults.length === 0,
      ...headOf(found),
      bundleKey: found.bundleKey,
      controls: found.controls.map(({ file, recipient, faults, content }) => ({
        file,
        recipient: recipient ?? null,
        nodeFiles: content?.nodeFiles?.time ?? null,
        holds: faults.length === 0,
        faults,
      })),
      payload: { file: found.payload.file ?? null, state: found.payload.state, message: found.payload.message ?? null },
      faults: found.faults,
      findings: found.findings,
      notes: found.notes,
    });
  else print(console, describe(found));
  for (const each of found.faults) note(console, printable(each));
  for (const each of found.findings) note(console, `warning: ${printable(each)}`);
  if (console.quiet !== true) for (const each of found.notes) note(console, printable(each));
  if (found.faults.length > 0) {
    note(console, "hint: do not use this bundle: make it again, and find out where it was changed");
    return 4;
  }
  return found.findings.length === 0 ? 0 : 6;
}

/** With a fingerprint it needs none: a node or another machine may have no lifeboat.yaml. */
async function configuration(session: Session, isOptional: boolean): Promise<LoadedConfig | undefined> {
  try {
    return await session.loadConfig();
  } catch (error) {
    if (isOptional && session.configOption === undefined && isLifeboatError(error, "config/not-found")) return undefined;
    throw error;
  }
}

/** As it was typed: with or without `sha256:`, in groups as they are read aloud. */
function fingerprintIn(text: string): string {
  const digits = text
    .trim()
    .replace(/^sha256:/i, "")
    .replaceAll(/[\s:-]/g, "")
    .toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits))
    throw new LifeboatError("usage", `--fingerprint "${text}" is not 64 hex digits`, {
      hint: "give it as lifeboat bundle or lifeboat keys prints it: sha256:...",
    });
  return `sha256:${digits}`;
}

function headOf({ controls }: Inspection): {
  readonly ref: string | null;
  readonly planDigest: string | null;
  readonly expiresAt: string | null;
} {
  const content = controls.find((each) => each.content !== undefined)?.content;
  if (content === undefined) return { ref: null, planDigest: null, expiresAt: null };
  const { manifest, plan, planDigest } = content;
  return {
    ref: manifest === undefined ? null : `${manifest.cluster}/${manifest.id}`,
    planDigest,
    expiresAt: plan.get("EXPIRES_AT") ?? null,
  };
}

function describe(found: Inspection): string {
  const { ref, planDigest, expiresAt } = headOf(found);
  const lines = found.controls.map(({ file, recipient, faults }) =>
    faults.length === 0 ? `${printable(file)}: holds, for ${printable(recipient ?? "nobody")}` : `${printable(file)}: does not hold`,
  );
  return [
    ...lines,
    `payload ${found.payload.file ?? ""}: ${found.payload.state}`,
    ...(ref === null || planDigest === null ? [] : [`${ref}, plan ${shortDigest(planDigest)}, valid until ${expiresAt ?? "?"}`]),
    `signed by ${found.bundleKey}`,
  ].join("\n");
}
