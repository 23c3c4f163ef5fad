import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { judgeKms } from "../../../shared/jobs/doctor/judge-kms.ts";
import { judgeLocalKeys } from "../../../shared/jobs/doctor/judge-local-keys.ts";
import type { KmsKeyFacts, LocalFacts } from "../../../shared/keys/key-inspector.ts";
import type { DoctorFinding } from "../../../shared/jobs/doctor/finding.ts";
import type { Unreadable } from "../../../shared/unreadable.ts";
import { saying } from "../../support/matchers.ts";

const TRUSTED = { snapshot: ["sha256:s"], audit: ["sha256:a"], bundle: ["sha256:b"] };
const codes = (found: readonly DoctorFinding[]): readonly string[] =>
  found.map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);

describe("keys in KMS", () => {
  const arn = (id: string): string => `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
  const wrap: KmsKeyFacts = {
    use: "wrap",
    setting: "keys.wrap",
    id: "alias/wrap",
    error: undefined,
    arn: arn("w"),
    spec: "SYMMETRIC_DEFAULT",
    usage: "ENCRYPT_DECRYPT",
    state: "Enabled",
    rotates: true,
    fingerprint: undefined,
  };
  const signing = (use: "snapshot" | "audit" | "bundle"): KmsKeyFacts => ({
    ...wrap,
    use,
    setting: `keys.sign.${use}`,
    id: `alias/${use}`,
    arn: arn(use),
    spec: "ECC_NIST_P256",
    usage: "SIGN_VERIFY",
    rotates: undefined,
    fingerprint: `sha256:${use[0] ?? ""}`,
  });
  const [snapshot, audit, bundle] = [signing("snapshot"), signing("audit"), signing("bundle")];
  const DENIED: Unreadable = { unseen: "denied", reason: "AccessDeniedException" };
  const judge = (keys: readonly KmsKeyFacts[], trusted = TRUSTED): readonly DoctorFinding[] =>
    judgeKms({ kind: "kms", region: "eu-central-1", keys }, trusted, []);

  test("that are well give no finding", () => expect(judge([wrap, snapshot, audit, bundle])).toEqual([]));

  test("of another kind or state are told with the command that mends it", () => {
    expect(
      judge([
        { ...wrap, spec: "RSA_2048" },
        { ...snapshot, usage: "KEY_AGREEMENT" },
      ]),
    ).toMatchObject([
      { code: "key-kind", message: "alias/wrap is RSA_2048 for ENCRYPT_DECRYPT, and must be SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT" },
      { code: "key-kind", subject: "keys.sign.snapshot", fix: saying("--key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY") },
    ]);
    expect(judge([{ ...wrap, state: "PendingDeletion" }])).toMatchObject([
      {
        code: "key-state",
        severity: "problem",
        message: "alias/wrap is about to be deleted",
        fix: saying(`cancel-key-deletion --region eu-central-1 --key-id ${arn("w")}`),
      },
    ]);
    expect(judge([{ ...audit, state: "Disabled" }])).toMatchObject([{ message: "alias/audit is disabled", fix: saying("enable-key") }]);
    expect(judge([{ ...audit, state: "Unavailable" }])).toMatchObject([
      { message: "alias/audit cannot be used: its state is Unavailable" },
    ]);
    expect(judge([{ ...wrap, rotates: false }])).toMatchObject([
      { code: "key-not-rotated", severity: "info", fix: saying("enable-key-rotation") },
    ]);
    const error = new LifeboatError("keys/missing", "key alias/audit not found in KMS in eu-central-1", {
      hint: "see aws kms list-aliases",
    });
    expect(judge([{ ...audit, error }])).toEqual([
      { code: "key-missing", severity: "problem", subject: "keys.sign.audit", message: error.message, fix: "see aws kms list-aliases" },
    ]);
  });

  test("that are not believed, or believed for another's purpose", () => {
    expect(judge([{ ...snapshot, fingerprint: "sha256:new" }])).toMatchObject([
      {
        code: "key-untrusted",
        severity: "problem",
        message: saying("sha256:new, is not in trustedKeys.snapshot"),
        fix: saying('add "sha256:new"'),
      },
    ]);
    expect(judge([snapshot], { ...TRUSTED, audit: ["sha256:a", "sha256:s"] })).toMatchObject([
      { code: "key-untrusted", message: saying("is in trustedKeys.audit too"), fix: "take it out of trustedKeys.audit" },
    ]);
  });

  test("that are one and the same", () => {
    expect(judge([wrap, snapshot, { ...audit, arn: arn("snapshot") }])).toMatchObject([
      { code: "key-shared", severity: "problem", subject: "keys.sign.snapshot, keys.sign.audit", message: saying(arn("snapshot")) },
    ]);
    const withBucketKey = (key: string): readonly DoctorFinding[] =>
      judgeKms({ kind: "kms", region: "eu-central-1", keys: [wrap] }, TRUSTED, [{ setting: "store.sse.kmsKey", arn: key }]);
    expect(withBucketKey(arn("w"))).toMatchObject([{ code: "key-shared", severity: "problem", subject: "store.sse.kmsKey, keys.wrap" }]);
    expect(withBucketKey(arn("other"))).toEqual([]);
  });

  test("that this caller may not look at are named, and nothing is concluded of them", () => {
    const unseen = { arn: DENIED, spec: DENIED, usage: DENIED, state: DENIED };
    const found = judge([
      { ...wrap, ...unseen, rotates: DENIED },
      { ...snapshot, state: DENIED },
      { ...audit, ...unseen, fingerprint: DENIED },
    ]);
    expect(found).toMatchObject([
      {
        code: "not-seen",
        severity: "info",
        message:
          "could not be seen by this caller: keys.wrap (its state), keys.sign.snapshot (its state), keys.sign.audit (its state, its public key)",
      },
    ]);
  });
});

describe("keys in files", () => {
  const here = (use: LocalFacts["keys"][number]["use"], name: string): LocalFacts["keys"][number] => ({
    use,
    secret: { file: `${use}.key`, state: "here" },
    public: { file: `${use}.pub`, state: "here" },
    name,
  });
  const none = (use: LocalFacts["keys"][number]["use"]): LocalFacts["keys"][number] => ({
    use,
    secret: { file: `${use}.key`, state: undefined },
    public: { file: `${use}.pub`, state: undefined },
    name: undefined,
  });
  const judge = (keys: LocalFacts["keys"], mode: number | undefined = 0o700): readonly DoctorFinding[] =>
    judgeLocalKeys({ kind: "local", folder: "/keys", mode, keys }, TRUSTED);

  test("are well where the files of one role are there", () => {
    expect(judge([none("wrap"), here("snapshot", "sha256:s"), none("audit"), none("bundle")])).toEqual([]);
  });

  test("are told where none is there, or no folder", () => {
    expect(codes(judge([none("wrap"), none("snapshot")]))).toEqual(["problem key-missing keys"]);
    expect(judgeLocalKeys({ kind: "local", folder: "/keys", mode: undefined, keys: [] }, TRUSTED)).toMatchObject([
      { code: "key-missing", message: "folder /keys not found", fix: saying("lifeboat init") },
    ]);
  });

  test("are told where a file is of no use, not believed, or may be replaced by others", () => {
    const error = new LifeboatError("keys/invalid", "/keys/audit.key is a private key that others may touch", {
      hint: "chmod 600 /keys/audit.key",
    });
    const found = judge([{ ...here("audit", "sha256:x"), secret: { file: "audit.key", state: error } }], 0o770);
    expect(codes(found)).toEqual(["problem key-unusable audit.key", "problem key-untrusted audit.key", "problem key-folder-open keys"]);
    expect(found[0]).toMatchObject({ message: error.message, fix: "chmod 600 /keys/audit.key" });
  });
});
