import { z } from "zod";
import { parseSettings } from "../config/parse-settings.ts";
import { LifeboatError } from "../errors.ts";

/** A key of an EncryptionConfiguration. `secret` is as it stands in the file, decoded. */
export interface EncryptionKey {
  readonly provider: LocalProvider;
  readonly name: string;
  readonly secret: Uint8Array;
  /** Where it was read, for messages. */
  readonly file: string;
}

/** The providers whose keys stand in the file itself. */
export const LOCAL_PROVIDERS = ["aescbc", "aesgcm", "secretbox"] as const;
export type LocalProvider = (typeof LOCAL_PROVIDERS)[number];

/** As the API server takes them (k8s.io/apiserver/pkg/apis/apiserver/validation/validation_encryption.go), in bytes. */
const SECRET_BYTES: Readonly<Record<LocalProvider, readonly number[]>> = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] };

/** None of the messages holds what stands there: it is a secret, or may be a part of one. */
const keysOf = (provider: LocalProvider) =>
  z.looseObject({
    keys: z.array(
      z.looseObject({
        name: z.string().min(1, "it has no name"),
        secret: z
          .string("it is no text in base64")
          .transform((text) => Buffer.from(text, "base64"))
          .refine(({ length }) => SECRET_BYTES[provider].includes(length), {
            error: `it is no ${SECRET_BYTES[provider].join(", ").replace(/, (\d+)$/, " or $1")} bytes in base64`,
          }),
      }),
    ),
  });

const configuration = z.looseObject({
  kind: z.literal("EncryptionConfiguration", "it is no EncryptionConfiguration"),
  resources: z.array(
    z.looseObject({
      providers: z.array(
        z.looseObject({
          aescbc: keysOf("aescbc").nullish(),
          aesgcm: keysOf("aesgcm").nullish(),
          secretbox: keysOf("secretbox").nullish(),
        }),
      ),
    }),
  ),
});

/**
 * The keys in the file that kube-apiserver's --encryption-provider-config names, in YAML or JSON: those of every provider that is named in any of its sections, in their order. Other
 * providers (identity, kms) have none. `file` is for messages. Format: https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/. Throws `config/invalid`.
 */
export function parseEncryptionConfig(text: string, file: string): readonly EncryptionKey[] {
  const hint = "give the file that --encryption-provider-config of kube-apiserver names, as it was when the snapshot was taken";
  const { data } = parseSettings(configuration, text, file, hint);
  const keys = data.resources
    .flatMap(({ providers }) => providers)
    .flatMap((each) =>
      LOCAL_PROVIDERS.flatMap((provider) =>
        (each[provider]?.keys ?? []).map(({ name, secret }): EncryptionKey => ({ provider, name, secret, file })),
      ),
    );
  if (keys.length > 0) return keys;
  throw new LifeboatError("config/invalid", `${file} names no key of ${LOCAL_PROVIDERS.join(", ")}`, { hint });
}
