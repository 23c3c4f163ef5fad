import { Duration } from "aws-cdk-lib";
import { Alias, Key, KeySpec, KeyUsage } from "aws-cdk-lib/aws-kms";
import type { IKey, KeyProps } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import { KEPT } from "./kept.ts";

/** The longest that KMS takes, where CloudFormation deletes a key. Who calls ScheduleKeyDeletion chooses: 7 days at least. */
const PENDING_WINDOW = Duration.days(30);

/** Encrypts the bucket at rest. Whoever writes there must be able to decrypt by it (for uploads in parts), so it wraps nothing. */
export function bucketKey(scope: Construct, id: string, name: string): IKey {
  return key(scope, id, name, { description: "etcd-lifeboat: the bucket at rest", enableKeyRotation: true });
}

/** Wraps the identity of each snapshot: who may decrypt by it reads snapshots. */
export function wrappingKey(scope: Construct, id: string, name: string): IKey {
  return key(scope, id, name, { description: "etcd-lifeboat: wraps the key of each snapshot", enableKeyRotation: true });
}

export function signingKey(scope: Construct, id: string, name: string, what: string): IKey {
  return key(scope, id, name, {
    description: `etcd-lifeboat: signs ${what}`,
    keySpec: KeySpec.ECC_NIST_P256,
    keyUsage: KeyUsage.SIGN_VERIFY,
  });
}

/** A new key under an alias that stays as long as it does; the key itself where `name` is the ARN of one. */
function key(scope: Construct, id: string, name: string, props: KeyProps): IKey {
  if (!name.startsWith("alias/")) return Key.fromKeyArn(scope, id, name);
  const made = new Key(scope, id, { ...props, pendingWindow: PENDING_WINDOW, removalPolicy: KEPT });
  new Alias(scope, `${id}Alias`, { aliasName: name, targetKey: made, removalPolicy: KEPT });
  return made;
}
