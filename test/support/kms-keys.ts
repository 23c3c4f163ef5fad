import {
  CreateAliasCommand,
  CreateKeyCommand,
  KMSClient,
  UpdateAliasCommand,
  type CreateKeyCommandInput,
  type KMSClientConfig,
} from "@aws-sdk/client-kms";
import type { Purpose } from "../../shared/keys/key-ring.ts";
import type { KmsSettings } from "../../shared/keys/kms/settings.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";

/** The account that MiniStack takes credentials of this name for. */
export const ACCOUNT = "111122223333";

/** A client of an emulated account, for making keys and doing to them what people do. */
export function kmsClient(
  { endpoint, region }: Pick<MiniStack, "endpoint" | "region">,
  account = ACCOUNT,
  more: KMSClientConfig = {},
): KMSClient {
  return new KMSClient({ endpoint, region, credentials: { accessKeyId: account, secretAccessKey: "test" }, ...more });
}

export const WRAPPING_KEY: CreateKeyCommandInput = { KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT" };
export const SIGNING_KEY: CreateKeyCommandInput = { KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" };

/** A new key's ARN. */
export async function newKey(client: KMSClient, input: CreateKeyCommandInput): Promise<string> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand(input));
  if (KeyMetadata?.Arn === undefined) throw new Error("the new key has no ARN");
  return KeyMetadata.Arn;
}

export async function pointAlias(client: KMSClient, alias: string, key: string, isNew: boolean): Promise<void> {
  const input = { AliasName: alias, TargetKeyId: key };
  await (isNew ? client.send(new CreateAliasCommand(input)) : client.send(new UpdateAliasCommand(input)));
}

/** The settings of a key ring, and the ARNs behind its aliases. */
export interface KmsKeys {
  readonly settings: KmsSettings;
  readonly wrap: string;
  readonly sign: Readonly<Record<Purpose, string>>;
}

/** A wrapping key and one for each purpose, by aliases `alias/NAME-wrap`, `alias/NAME-snapshot`, ... */
export async function createKmsKeys(
  client: KMSClient,
  { endpoint, region }: Pick<MiniStack, "endpoint" | "region">,
  name: string,
): Promise<KmsKeys> {
  const make = async (use: string, input: CreateKeyCommandInput): Promise<string> => {
    const arn = await newKey(client, input);
    await pointAlias(client, `alias/${name}-${use}`, arn, true);
    return arn;
  };
  const wrap = await make("wrap", WRAPPING_KEY);
  const [snapshot, audit, bundle] = [
    await make("snapshot", SIGNING_KEY),
    await make("audit", SIGNING_KEY),
    await make("bundle", SIGNING_KEY),
  ];
  const alias = (use: string): string => `alias/${name}-${use}`;
  return {
    settings: {
      wrap: alias("wrap"),
      sign: { snapshot: alias("snapshot"), audit: alias("audit"), bundle: alias("bundle") },
      region,
      endpoint,
    },
    wrap,
    sign: { snapshot, audit, bundle },
  };
}
