import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { beforeEach, describe, expect, test } from "vitest";
import { exportSnapshot } from "../../shared/jobs/inspect/export.ts";
import type { KeyRing } from "../../shared/keys/key-ring.ts";
import { KmsKeyRing } from "../../shared/keys/kms/kms-key-ring.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import type { WrappingRecord } from "../../shared/documents/parts.ts";
import { openDocument } from "../../shared/documents/signed-document.ts";
import { SealedStore } from "../../shared/store/sealed/sealed-store.ts";
import { failureOf } from "../support/blobs.ts";
import { signedBy } from "../support/envelopes.ts";
import { useVault } from "../support/use-vault.ts";
import { backUp, bothPorts, bytesAt, CLUSTER, plant, sealedObject } from "../support/vaults.ts";

/**
 * Issue 6a.10. A stolen writer names keys of KMS as it likes in a manifest's wrappings: keys of an account of its own (whose owner then sees each restore, and answers
 * as late as it likes), and thousands of them.
 */

const ID = "20261121T100000Z";
const THEIRS = "arn:aws:kms:us-west-2:666666666666:key/00000000-0000-4000-8000-000000000000";

const { vault } = useVault();
beforeEach(async () => {
  await backUp(vault);
});

/** KMS as far as these tests go: it notes what is asked of it, and refuses or keeps silent. */
class NotingKms {
  readonly asked: string[] = [];
  #answers = true;

  readonly open = (_settings: unknown, region: string): KMSClient => {
    const client = new KMSClient({ region, credentials: { accessKeyId: "x", secretAccessKey: "x" } });
    const send = (command: unknown, options?: { readonly abortSignal?: AbortSignal }): Promise<never> => {
      if (!(command instanceof DecryptCommand)) throw new TypeError("only Decrypt is known here");
      this.asked.push(`${region} ${command.input.KeyId}`);
      if (this.#answers)
        return Promise.reject(
          Object.assign(new Error("not allowed"), { name: "AccessDeniedException", $metadata: { httpStatusCode: 400 } }),
        );
      const { promise, reject } = Promise.withResolvers<never>();
      options?.abortSignal?.addEventListener("abort", () => reject(Object.assign(new Error("Request aborted"), { name: "AbortError" })));
      return promise;
    };
    return Object.assign(client, { send });
  };

  keepSilent(): void {
    this.#answers = false;
  }
}

async function planted(count: number): Promise<void> {
  const wrappings = Array.from({ length: count }, (_, index): WrappingRecord => ({
    kind: "kms",
    key: THEIRS.replace(/\d{12}$/, String(index).padStart(12, "0")),
    ciphertext: Buffer.from("theirs").toString("base64"),
  }));
  // Signed past our own schema, as a thief of the key would.
  const key = manifestKey(CLUSTER, ID);
  const { signer: _, ...document } = openDocument("snapshot", bytesAt(vault, key), vault.trusted, key);
  const stored = sealedObject(document.stored);
  const forged = { ...document, stored: { ...stored, encryption: { ...stored.encryption, wrappings } } };
  plant(vault, key, await signedBy(vault.keys, "snapshot", forged));
}

const ring = (kms: NotingKms, retired: readonly string[] = []): KeyRing =>
  new KmsKeyRing(
    { wrap: "alias/ours", retired, sign: { snapshot: "alias/a", audit: "alias/b", bundle: "alias/c" }, region: "eu-central-1" },
    kms.open,
  );

function exported(kms: NotingKms, more: { readonly retired?: readonly string[]; readonly signal?: AbortSignal } = {}): Promise<Error> {
  const snapshots = new SealedStore({
    blobs: vault.blobs,
    keys: ring(kms, more.retired),
    breakGlass: [],
    randomBytes: (count) => Buffer.alloc(count),
  });
  return failureOf(
    exportSnapshot(
      { ...vault, ...bothPorts(snapshots) },
      {
        unverified: true,
        ref: `${CLUSTER}/${ID}`,
        ...(more.signal === undefined ? {} : { signal: more.signal }),
        async write(pieces) {
          for await (const _ of pieces);
        },
      },
    ),
  );
}

describe("wrappings that a stolen writer signed", () => {
  test("that name keys of others' are told, and no call names or reaches such a key", async () => {
    await planted(3);
    const kms = new NotingKms();
    const failure = await exported(kms);
    expect(kms.asked.filter((call) => call.includes("666666666666") || call.includes("us-west-2"))).toEqual([]);
    expect(failure).toMatchObject({ code: "keys/no-match" });
  });

  test("are at most 16: a manifest of thousands is refused before KMS is asked at all", async () => {
    await planted(2000);
    const kms = new NotingKms();
    const failure = await exported(kms);
    expect(kms.asked).toEqual([]);
    expect(failure).toMatchObject({ code: "verify/format" });
  });

  test("do not hold up whoever presses Ctrl-C", async () => {
    await planted(1);
    const kms = new NotingKms();
    kms.keepSilent();
    const stop = new AbortController();
    // The key is one of the configuration's, so that it is asked for at all.
    const key = THEIRS.replace(/\d{12}$/, "0".repeat(12));
    const opening = exported(kms, { retired: [key], signal: stop.signal });
    await expect.poll(() => kms.asked).toEqual([`us-west-2 ${key}`]);
    stop.abort(new Error("Ctrl-C"));
    expect(await opening).toMatchObject({ code: "interrupted" });
  });
});
