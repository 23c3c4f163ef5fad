import { Duration } from "aws-cdk-lib";
import { Alias, Key, KeySpec, KeyUsage } from "aws-cdk-lib/aws-kms";
import type { IKey, KeyProps } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import { LifeboatError } from "../../shared/errors.ts";
import { KEPT } from "./kept.ts";

/** A key that is there already, or `alias/NAME`: a new key is made under that alias, and both stay when their stack is deleted. */
export type KeyOrAlias = IKey | string;

/** The longest that KMS takes, where CloudFormation deletes a key. Who calls ScheduleKeyDeletion chooses: 7 days at least. */
const PENDING_WINDOW = Duration.days(30);

/** Encrypts the bucket at rest. Whoever writes there must be able to decrypt by it (for uploads in parts), so it wraps nothing. */
export function bucketKey(scope: Construct, id: string, key: KeyOrAlias): IKey {
  return keyOf(scope, id, key, { description: "etcd-lifeboat: the bucket at rest", enableKeyRotation: true });
}

/** Wraps the identity of each snapshot: who may decrypt by it reads snapshots. */
export function wrappingKey(scope: Construct, id: string, key: KeyOrAlias): IKey {
  return keyOf(scope, id, key, { description: "etcd-lifeboat: wraps the key of each snapshot", enableKeyRotation: true });
}

export function signingKey(scope: Construct, id: string, key: KeyOrAlias, what: string): IKey {
  return keyOf(scope, id, key, {
    description: `etcd-lifeboat: signs ${what}`,
    keySpec: KeySpec.ECC_NIST_P256,
    keyUsage: KeyUsage.SIGN_VERIFY,
  });
}

function keyOf(scope: Construct, id: string, key: KeyOrAlias, props: KeyProps): IKey {
  if (typeof key !== "string") return key;
  if (!key.startsWith("alias/")) {
    throw new LifeboatError("config/invalid", `${scope.node.path}: "${key}" is no alias for a new key`, {
      hint: "write alias/NAME, or hand in the key itself: Key.fromKeyArn(...) takes one that is there",
    });
  }
  const made = new Key(scope, id, { ...props, pendingWindow: PENDING_WINDOW, removalPolicy: KEPT });
  new Alias(scope, `${id}Alias`, { aliasName: key, targetKey: made, removalPolicy: KEPT });
  return made;
}
