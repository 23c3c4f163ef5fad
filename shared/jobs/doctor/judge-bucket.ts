import { custodyKey, manifestKey } from "../../documents/layout.ts";
import type { BucketFacts } from "../../store/store-inspector.ts";
import { isUnreadable, type MaybeUnreadable, type Unreadable } from "../../unreadable.ts";
import { deniesPlainHttp, deniesReplacing, parsePolicy, type Statement } from "./bucket-policy.ts";
import { bySeverity, type DoctorFinding } from "./finding.ts";
import { judgeLifecycle } from "./judge-lifecycle.ts";
import { quoted, s3api } from "./s3api.ts";

/** What is wrong with a bucket, and how to mend it. What could not be seen is said, and never taken for fine. */
export function judgeBucket(subject: string, facts: BucketFacts): readonly DoctorFinding[] {
  const found = [
    ...judgeVersions(subject, facts),
    ...judgeLock(subject, facts),
    ...judgeAccess(subject, facts),
    ...judgePolicy(subject, facts),
    ...judgeLifecycle(subject, facts),
    ...judgeConnection(subject, facts),
  ];
  return bySeverity([...found, ...unseenFindings(subject, facts)]);
}

function judgeVersions(subject: string, facts: BucketFacts): DoctorFinding[] {
  if (isUnreadable(facts.versioning) || facts.versioning === "enabled") return [];
  return [
    {
      code: "versioning-off",
      severity: "problem",
      subject,
      message: `versioning is ${facts.versioning}: whoever may write can overwrite every snapshot, and the old bytes are lost`,
      fix: s3api(facts, "put-bucket-versioning", "--versioning-configuration Status=Enabled"),
    },
  ];
}

function judgeLock(subject: string, facts: BucketFacts): DoctorFinding[] {
  const { objectLock, ownLock } = facts;
  if (isUnreadable(objectLock)) return [];
  const retention = ownLock ?? { mode: "governance", days: 14 };
  const rule = { DefaultRetention: { Mode: retention.mode.toUpperCase(), Days: retention.days } };
  const configuration = { ObjectLockEnabled: "Enabled", ...(ownLock === undefined ? { Rule: rule } : {}) };
  const enable = s3api(facts, "put-object-lock-configuration", `--object-lock-configuration ${quoted(configuration)}`);
  if (objectLock === undefined) {
    return [
      {
        code: "lock-off",
        severity: ownLock === undefined ? "warning" : "problem",
        subject,
        message:
          ownLock === undefined
            ? "it has no Object Lock: whoever may delete versions can remove every snapshot"
            : "it has no Object Lock, which store.lock asks for: backups are refused",
        fix: `${enable} (versioning first; a store that cannot add it takes it when a bucket is made)`,
      },
    ];
  }
  if (objectLock.retention !== undefined || ownLock !== undefined) return [];
  return [
    {
      code: "lock-without-retention",
      severity: "warning",
      subject,
      message: "Object Lock is on, but locks nothing: the bucket has no default retention, and store.lock is not set",
      fix: `set store.lock: { mode: governance, days: 14 }, or ${enable}`,
    },
  ];
}

const BLOCKS = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

function judgeAccess(subject: string, facts: BucketFacts): DoctorFinding[] {
  const { publicAccessBlock, ownership, encryption } = facts;
  const found: DoctorFinding[] = [];
  const off = isUnreadable(publicAccessBlock) ? [] : BLOCKS.filter((each) => !publicAccessBlock.includes(each));
  if (off.length > 0) {
    found.push({
      code: "public-access",
      severity: "problem",
      subject,
      message: `public access is not fully blocked: ${off.join(", ")} ${off.length === 1 ? "is" : "are"} off`,
      fix: s3api(facts, "put-public-access-block", `--public-access-block-configuration ${BLOCKS.map((each) => `${each}=true`).join(",")}`),
    });
  }
  if (!isUnreadable(ownership) && ownership !== "BucketOwnerEnforced") {
    found.push({
      code: "acls-enabled",
      severity: "warning",
      subject,
      message: `access lists (ACLs) of single objects are in force (${ownership ?? "no ownership controls"}), and the bucket's policy does not limit them`,
      fix: s3api(facts, "put-bucket-ownership-controls", `--ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'`),
    });
  }
  if (!isUnreadable(encryption) && encryption === undefined) {
    const rule = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] };
    found.push({
      code: "encryption-off",
      severity: "info",
      subject,
      message:
        "the bucket encrypts nothing by itself: snapshots are encrypted before they are sent, but names, sizes and manifests are not",
      fix: s3api(facts, "put-bucket-encryption", `--server-side-encryption-configuration ${quoted(rule)}`),
    });
  }
  return found;
}

function judgePolicy(subject: string, facts: BucketFacts): DoctorFinding[] {
  const { policy, bucket, prefix } = facts;
  if (isUnreadable(policy)) return [];
  const statements: readonly Statement[] | undefined = policy === undefined ? [] : parsePolicy(policy);
  if (statements === undefined) {
    const message = "its policy is in a form that is not understood here, so nothing is known of what it refuses";
    return [{ code: "policy-unreadable", severity: "warning", subject, message, fix: `see ${s3api(facts, "get-bucket-policy")}` }];
  }
  const arn = (key: string): string => `arn:aws:s3:::${bucket}/${prefix}${key}`;
  const add = (statement: unknown): string =>
    `add this statement to its policy (${s3api(facts, "get-bucket-policy")}, then put-bucket-policy): ${JSON.stringify(statement)}`;
  // Any name of a cluster and a snapshot: policies name them by wildcards.
  const [manifest, record] = [arn(manifestKey("a", "20260101T000000Z")), arn(custodyKey("a", 1))];
  const found: DoctorFinding[] = [];
  // Where the endpoint itself is without TLS the policy would shut everybody out: judgeConnection tells of it.
  if (facts.endpoint?.startsWith("http://") !== true && !deniesPlainHttp(statements, manifest)) {
    found.push({
      code: "policy-tls",
      severity: "warning",
      subject,
      message: "its policy does not refuse requests without TLS",
      fix: add({
        Sid: "TlsOnly",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      }),
    });
  }
  if (![manifest, record].every((each) => deniesReplacing(statements, each))) {
    found.push({
      code: "policy-conditional-writes",
      severity: "warning",
      subject,
      message:
        "its policy lets a manifest or custody record be overwritten: whoever steals the writer's credentials can hide it behind a newer version",
      fix: add({
        Sid: "WriteOnce",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:PutObject",
        Resource: ["snapshots", "verified", "lineage", "acceptances", "rewraps", "pins", "drills", "catalog", "verdicts", "custody"].map(
          (each) => arn(`clusters/*/${each}/*`),
        ),
        Condition: { Null: { "s3:if-none-match": "true" }, Bool: { "s3:ObjectCreationOperation": "true" } },
      }),
    });
  }
  return found;
}

function judgeConnection(subject: string, { endpoint, namesOwner }: BucketFacts): DoctorFinding[] {
  const found: DoctorFinding[] = [];
  if (endpoint?.startsWith("http://") === true) {
    found.push({
      code: "store-plain-http",
      severity: isLoopback(endpoint) ? "info" : "warning",
      subject,
      message: `${endpoint} is used without TLS: requests, names and manifests can be read and changed on the way`,
      fix: "give the store a certificate and write its endpoint as https://",
    });
  }
  if (!namesOwner && endpoint === undefined) {
    found.push({
      code: "owner-not-named",
      severity: "warning",
      subject,
      message: "store.expectedBucketOwner is not set: a bucket of that name in somebody else's account would be used",
      fix: "set it to the twelve digits, in quotes, of the account that the bucket is in",
    });
  }
  return found;
}

function isLoopback(endpoint: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(new URL(endpoint).hostname);
}

const PARTS: readonly (readonly [keyof BucketFacts, string])[] = [
  ["versioning", "versioning"],
  ["objectLock", "Object Lock"],
  ["publicAccessBlock", "the public access block"],
  ["policy", "the policy"],
  ["lifecycle", "the lifecycle"],
  ["encryption", "encryption at rest"],
  ["ownership", "object ownership"],
];

/** One finding for each reason, since a role that may not look may usually look at nothing. */
function unseenFindings(subject: string, facts: BucketFacts): DoctorFinding[] {
  const unseen = PARTS.flatMap(([part, name]) => {
    const fact: MaybeUnreadable<unknown> = facts[part];
    return isUnreadable(fact) ? [{ name, fact }] : [];
  });
  return [...Map.groupBy(unseen, ({ fact }) => fact.unseen)].map(([kind, of]): DoctorFinding => {
    const names = of.map(({ name }) => name).join(", ");
    // The store's own words are in the facts: of a denial they say the same seven times.
    const reason = [...new Set(of.map(({ fact }) => fact.reason.split(":", 1)[0] ?? ""))].join("; ");
    return kind === "denied" ? deniedFinding(subject, names, reason) : unsupportedFinding(subject, names, reason);
  });
}

function deniedFinding(subject: string, names: string, reason: string): DoctorFinding {
  const message = `could not be seen by this caller: ${names} (${reason})`;
  return {
    code: "not-seen",
    severity: "info",
    subject,
    message,
    fix: "run lifeboat doctor --store as somebody who may read the bucket's settings",
  };
}

function unsupportedFinding(subject: string, names: string, reason: Unreadable["reason"]): DoctorFinding {
  const message = `the store does not say anything of ${names} (${reason})`;
  return {
    code: "not-seen",
    severity: "warning",
    subject,
    message,
    fix: "see in the store's own manual how it keeps that, or whether it does",
  };
}
