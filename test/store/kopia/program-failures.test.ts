import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { failureOf, strangeAnswer } from "../../../shared/store/kopia/program/failures.ts";
import type { Ended } from "../../../shared/store/kopia/program/process.ts";

const DOING = "read the snapshot in /srv/kopia";

function said(stderr: string, ended: Partial<Ended> = {}): Ended {
  return { exitCode: 1, signal: undefined, stderr, notStarted: undefined, ...ended };
}

function recorded(name: string): string {
  return readFileSync(new URL(`../../fixtures/kopia/${name}.stderr`, import.meta.url), "utf8");
}

/** Words of the real program, 0.23 and later. */
const DAMAGED =
  "unable to copy data: unexpected content error: invalid checksum at p76ed offset 32 length 131100/131100: decrypt: unable to decrypt content: cipher: message authentication failed";
const FULL =
  "running in write session: flush error: error writing pack: unable to complete PutBlobInPath:/r/p/0e6/7.f despite 2 retries: can't write temporary file: write /r/x.tmp: no space left on device";
const UNREACHABLE =
  'open repository: unable to open repository: cannot open storage: error retrieving storage config from bucket "b": Get "http://127.0.0.1:1/b/.storageconfig": dial tcp 127.0.0.1:1: connect: connection refused';
const WRONG_SECRET =
  'open repository: cannot open storage: error retrieving storage config from bucket "b": The request signature we calculated does not match the signature you provided. Check your key and signing method.';
const NOT_AUTHORIZED =
  "error writing pack: unable to get metadata: BLOB not found\nerror writing pack file: unable to complete PutBlob(q813d) despite 10 retries: User: arn:aws:iam::000000000000:user/read is not authorized to perform: s3:PutObject because no identity-based policy allows the s3:PutObject action";
const NO_MARKER =
  "running in write session: error flushing writer: error flushing manifests: unable to write content: unable to create pending pack: unable to get session ID: unable to write session marker: unable to write session marker: sef38cf: StatObject: BLOB not found";
const NO_FOLDER =
  "open repository: unable to open repository: cannot open storage: cannot access storage path: stat /srv/kopia: no such file or directory";
const MISSING_PACK = "object Ixe72d4 is backed by missing blob p76ed6004b33d454b0803d203ba7cff7b-sc5158";

test.each([
  ["a wrong password", recorded("22-wrong-password"), "keys/no-match"],
  ["a place without a repository", recorded("02-open-no-repo"), "store/missing"],
  ["a folder that is not there", NO_FOLDER, "store/missing"],
  ["a place with data", recorded("04-create-again"), "store/exists"],
  ["no configuration", recorded("24-not-connected"), "store/failed"],
  ["a file that is not there", recorded("12-show-missing"), "verify/missing"],
  ["an id that pinning has changed", recorded("16-delete-pinned"), "verify/missing"],
  ["a snapshot that is not there", recorded("17-delete-missing"), "verify/missing"],
  ["a snapshot to verify that is not there", "found 0 of the 1 requested snapshot IDs to verify", "verify/missing"],
  ["a pack that is gone", MISSING_PACK, "verify/missing"],
  ["a flipped byte", DAMAGED, "verify/checksum"],
  ["a full disk", FULL, "store/full"],
  ["a server that is not there", UNREACHABLE, "store/failed"],
  ["a wrong secret", WRONG_SECRET, "store/denied"],
  ["a role that may not put", NOT_AUTHORIZED, "store/denied"],
  ["a role that may not put the mark of who writes", NO_MARKER, "store/denied"],
  ["the maintenance of another", "maintenance must be run by designated user: other@host", "store/denied"],
  ["a flag that an older one does not know", recorded("25-unknown-flag"), "config/invalid"],
  ["a bucket's name that is none", recorded("26-s3-unreachable"), "store/failed"],
])("%s", (_name, stderr, code) => {
  const error = failureOf(said(stderr), DOING, []);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/^cannot read the snapshot in \/srv\/kopia: /);
  expect(error.hint).toBeDefined();
});

test("what it said last is in the message", () => {
  expect(failureOf(said(recorded("22-wrong-password")), DOING, []).message).toBe(
    "cannot read the snapshot in /srv/kopia: its password is another one (kopia: error connecting to repository: unable to create format manager: invalid repository password)",
  );
});

test("words that nobody knows: the tail of them, without secrets", () => {
  const error = failureOf(said(`first\n${"x".repeat(1000)} password geheim, https://user:pw@host/ and geheim\n\n`), DOING, ["geheim", ""]);
  expect(error.code).toBe("store/failed");
  expect(error.message).toMatch(/kopia ended with 1: \.\.\.x+ password \*\*\*, https:\/\/\*\*\*@host\/ and \*\*\*$/);
  expect(error.message.length).toBeLessThan(500);
});

test("silence", () => {
  expect(failureOf(said("\n"), DOING, []).message).toBe("cannot read the snapshot in /srv/kopia: kopia ended with 1: it said nothing");
});

test.each([
  ["SIGKILL", said("", { exitCode: undefined, signal: "SIGKILL" })],
  ["signal 9", said("", { exitCode: 137 })],
])("a death by %s may pass", (name, ended) => {
  const error = failureOf(ended, DOING, []);
  expect(error).toMatchObject({ code: "store/failed", retryable: true });
  expect(error.message).toContain(`kopia was ended by ${name}`);
});

test.each([
  ["no shell", said("", { exitCode: undefined, notStarted: new Error("spawn /bin/sh ENOENT") })],
  ["no program", said("sh: 4: exec: /opt/kopia: not found", { exitCode: 127 })],
  ["no permission", said("sh: 4: exec: /opt/kopia: Permission denied", { exitCode: 126 })],
])("a program that cannot be run: %s", (_name, ended) => {
  expect(failureOf(ended, DOING, [])).toMatchObject({
    code: "config/not-found",
    hint: "check that the program is there and may be run: lifeboat doctor --tools",
  });
});

test("an answer that is none repeats nothing of it", () => {
  const cause = new SyntaxError(`Unexpected token 'g', "geheim" is not valid JSON`);
  expect(strangeAnswer(cause, DOING).message).toBe(`cannot ${DOING}: kopia's answer is not understood: it is no whole JSON`);
});
