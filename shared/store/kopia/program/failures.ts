import { LifeboatError, messageOf } from "../../../errors.ts";
import type { ErrorCode } from "../../../errors.ts";
import { redact } from "../../../redact.ts";
import type { Ended } from "./process.ts";

/** What kopia says on stderr, as errors of ours. It exits with 1 for everything; its words are those of cli/, repo/ and minio-go. */

interface Known {
  readonly words: RegExp;
  readonly code: ErrorCode;
  /** The end of a sentence that begins with what was done: "cannot list snapshots in LOCATION: ...". */
  readonly reason: string;
  readonly hint: string;
}

/** The first that fits counts. */
const KNOWN: readonly Known[] = [
  {
    words: /destination repository contains incompatible data|unique ID not found|error parsing unique ID of destination/i,
    code: "store/other",
    reason: "another Kopia repository is there",
    hint: "name an empty place for the replica, or the one that was copied to before",
  },
  {
    words: /destination repository does not have a format blob/i,
    code: "store/missing",
    reason: "the copy that was there is not there any more",
    hint: "mount its disk, or bring its bucket back; where it is lost for good, give the replica new places for its repository and its manifests",
  },
  {
    words: /invalid repository password/i,
    code: "keys/no-match",
    reason: "its password is another one",
    hint: "the manifest store belongs to another repository, or the repository was made anew: compare both with a backup of them",
  },
  {
    words:
      /error getting kopia\.repository blob: BLOB not found|cannot access storage path: .*no such file or directory|the specified bucket does not exist/i,
    code: "store/missing",
    reason: "there is no Kopia repository",
    hint: "check the place that the configuration names, then run lifeboat kopia init where it is a new one",
  },
  {
    words: /found existing data in storage location/i,
    code: "store/exists",
    reason: "there is data already",
    hint: "name an empty place, or one whose repository lifeboat made",
  },
  {
    words: /no space left on device|disk quota exceeded|file too large|QuotaExceeded|insufficient storage|storage full/i,
    code: "store/full",
    reason: "there is no space left",
    hint: "free space there or move the repository to a larger place, then try again; lifeboat kopia status says what waits to be given back",
  },
  // Before what is missing: where a put was refused, Kopia also says that the blob is not there.
  {
    words:
      /permission denied|operation not permitted|read-only file system|access denied|signature we calculated|access key id you provided does not exist|InvalidAccessKeyId|AccessDenied|the provided token|security token|expired ?token|invalid credentials|not authorized to perform|unable to write session marker/i,
    code: "store/denied",
    reason: "the storage refused",
    hint: "give the credentials in use, or the user that runs lifeboat, read and write permission there",
  },
  {
    words: /is backed by missing blob|BLOB not found|content not found|unable to open object: .*not found/i,
    code: "verify/missing",
    reason: "a part of the data is missing",
    hint: "take another snapshot, or the same one from a replica; kopia snapshot verify names what is damaged",
  },
  {
    words: /invalid checksum|message authentication failed|unable to decrypt|invalid content hash|malformed|corrupt/i,
    code: "verify/checksum",
    reason: "the data is damaged",
    hint: "take another snapshot, or the same one from a replica; kopia snapshot verify names what is damaged",
  },
  {
    words:
      /no snapshots matched|snapshot not found|found \d+ of the \d+ requested snapshot|entry not found|object not found|unable to parse ID/i,
    code: "verify/missing",
    reason: "there is no such object",
    hint: "it was deleted, or pinning gave it another id: look for it by its tags with kopia snapshot list --all --tags",
  },
  {
    words: /maintenance must be run by designated user/i,
    code: "store/denied",
    reason: "the maintenance of this repository belongs to another",
    hint: "let that user run it, or make lifeboat its owner with kopia maintenance set --owner",
  },
  {
    words: /certificate|x509|tls: /i,
    code: "store/failed",
    reason: "the storage is not trusted by TLS",
    hint: "check the endpoint's certificate; SSL_CERT_FILE names further authorities",
  },
  {
    words:
      /connection refused|connection reset|no such host|network is unreachable|no route to host|i\/o timeout|deadline exceeded|TLS handshake timeout|dial tcp|broken pipe|unexpected EOF|service unavailable|slow ?down|input\/output error/i,
    code: "store/failed",
    reason: "the storage could not be reached",
    hint: "check that it is up and can be reached from here, then try again",
  },
  {
    words: /repository is not connected|not connected to a repository/i,
    code: "store/failed",
    reason: "kopia is not connected to it",
    hint: "its configuration in the temporary folder is gone: try again, and keep cleaners away from that folder while lifeboat runs",
  },
  {
    words: /unknown long flag|unknown short flag|expected command but got|unexpected argument|enum value must be one of/i,
    code: "config/invalid",
    reason: "this kopia does not know what lifeboat asks for",
    hint: "install a kopia that lifeboat supports: lifeboat doctor --tools names the version",
  },
];

/** A message holds no more than this of what kopia said. */
const TAIL_CHARACTERS = 400;

/**
 * Why a run failed. `doing` is the act and where: "list the snapshots in /srv/kopia"; `secrets` are taken out of what is repeated of
 * kopia's words.
 */
export function failureOf(ended: Ended, doing: string, secrets: readonly string[]): LifeboatError {
  const { exitCode, signal, stderr, notStarted } = ended;
  if (notStarted !== undefined || exitCode === 126 || exitCode === 127)
    return new LifeboatError(
      "config/not-found",
      `cannot ${doing}: kopia cannot be run: ${notStarted === undefined ? tailOf(stderr, secrets) : messageOf(notStarted)}`,
      {
        hint: "check that the program is there and may be run: lifeboat doctor --tools",
      },
    );
  if (signal !== undefined || (exitCode ?? 0) > 128)
    return new LifeboatError("store/failed", `cannot ${doing}: kopia was ended by ${signal ?? `signal ${(exitCode ?? 0) - 128}`}`, {
      hint: "look for who ended it: a machine that is short of memory kills what takes much of it (dmesg)",
    });
  const said = tailOf(stderr, secrets);
  const known = KNOWN.find(({ words }) => words.test(stderr));
  if (known === undefined)
    return new LifeboatError("store/failed", `cannot ${doing}: kopia ended with ${exitCode}: ${said}`, {
      hint: "the words are kopia's own: https://kopia.io/docs/faqs/",
    });
  return new LifeboatError(known.code, `cannot ${doing}: ${known.reason} (kopia: ${said})`, { hint: known.hint });
}

/** What kopia answered with 0 and is no answer. */
export function strangeAnswer(error: unknown, doing: string): LifeboatError {
  const why = error instanceof SyntaxError ? "it is no whole JSON" : firstLine(messageOf(error));
  return new LifeboatError("store/failed", `cannot ${doing}: kopia's answer is not understood: ${why}`, {
    hint: "check that the program is a kopia that lifeboat supports: lifeboat doctor --tools",
  });
}

function firstLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, TAIL_CHARACTERS);
}

/** The last line that says something: kopia says the whole chain of reasons in one. */
function tailOf(stderr: string, secrets: readonly string[]): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  let last = redact(lines.findLast((line) => line !== "") ?? "it said nothing");
  for (const secret of secrets) if (secret !== "") last = last.replaceAll(secret, "***");
  return last.length > TAIL_CHARACTERS ? `...${last.slice(-TAIL_CHARACTERS)}` : last;
}
