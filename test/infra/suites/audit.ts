import { describe, expect, test } from "vitest";
import { HEADINGS, runbookLink } from "../../../infra/runbook.ts";
import { METRICS } from "../../../shared/contract/service.ts";
import { isAllowed, statementsOf } from "../support/policies.ts";
import type { Synths } from "../support/synthesized.ts";
import { ofType, resolve, theOne } from "../support/template.ts";

const BUCKET = "arn:aws:s3:::example-etcd-backups/here/and-there";
const WRAP = "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111";
const DOCUMENTS = ["snapshots", "verified", "catalog", "lineage", "acceptances", "custody", "drills", "pins", "rewraps", "verdicts"];

/** What looks at all that is stored: one for a service, however many clusters it has. */
export function auditSuite({ example, other }: Synths): void {
  describe("the audit", () => {
    const may = (action: string, resource: string, context: Readonly<Record<string, string>> = {}): boolean =>
      isAllowed(
        statementsOf(theOne(other().audit, "AWS::IAM::Role", "AuditRole")[0], other().audit, [...other().templates, other().audit]),
        {
          action,
          resource,
          context,
        },
      );

    test("is one function that runs each hour, and as many resources for two clusters as for one", () => {
      const types = (of: typeof example): string[] => Object.values(of().audit.Resources).map(({ Type }) => Type);
      expect(types(other).toSorted()).toEqual(types(example).toSorted());
      expect(theOne(other().audit, "AWS::Scheduler::Schedule")[1].Properties).toMatchObject({ ScheduleExpression: "rate(1 hour)" });
      expect(theOne(other().audit, "AWS::Lambda::EventInvokeConfig")[1].Properties).toMatchObject({ MaximumRetryAttempts: 0 });
    });

    test("reads what is said of snapshots, here and in replicas, and writes the page of the report and nothing else", () => {
      for (const cluster of ["small.one", "large"]) {
        for (const kind of DOCUMENTS) {
          expect({ kind, reads: may("s3:GetObject", `${BUCKET}/clusters/${cluster}/${kind}/x`) }).toEqual({ kind, reads: true });
          expect({ kind, puts: may("s3:PutObject", `${BUCKET}/clusters/${cluster}/${kind}/x`) }).toEqual({ kind, puts: false });
        }
        expect(may("s3:GetObject", `${BUCKET}/clusters/${cluster}/data/x`)).toBe(false);
        expect(may("s3:GetObject", `${BUCKET}/clusters/${cluster}/node-files/cp-1/20261121T100000Z.json`)).toBe(true);
        expect(may("s3:GetObject", `${BUCKET}/clusters/${cluster}/node-files/cp-1/20261121T100000Z.age`)).toBe(false);
        expect(may("s3:GetObject", `arn:aws:s3:::another/clusters/${cluster}/snapshots/x`)).toBe(true);
        expect(may("s3:PutObject", `arn:aws:s3:::another/clusters/${cluster}/snapshots/x`)).toBe(false);
      }
      for (const place of ["bundles/large/x/y/cp-1.tar", "inbox/large/x", "kopia/1.json"])
        expect(may("s3:GetObject", `${BUCKET}/${place}`)).toBe(false);
      expect(may("s3:PutObject", `${BUCKET}/report/report.html`)).toBe(true);
      for (const place of ["report/other.html", "store.json", "bundles/large/x"])
        expect(may("s3:PutObject", `${BUCKET}/${place}`)).toBe(false);
      expect(may("s3:GetObjectRetention", `${BUCKET}/clusters/large/data/x`)).toBe(true);
    });

    test("opens and signs nothing, removes nothing and has no secret", () => {
      expect(may("kms:Decrypt", WRAP, { "kms:EncryptionContext:cluster": "large" })).toBe(false);
      expect(may("kms:DescribeKey", WRAP)).toBe(true);
      const keys = ofType(other().vault, "AWS::KMS::Key").map(([id]) => `\${${id}.Arn}`);
      expect(keys.filter((key) => may("kms:Sign", key))).toEqual([]);
      for (const action of ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"])
        for (const place of ["clusters/large/data/x", "report/report.html"]) expect(may(action, `${BUCKET}/${place}`)).toBe(false);
      for (const action of ["lambda:InvokeFunction", "secretsmanager:GetSecretValue", "ssm:GetParameter", "iam:PassRole"])
        expect(may(action, "*")).toBe(false);
    });

    test("is loud where it finds errors, a cluster is not ready, drills are overdue, and where it does not run", () => {
      const alarms = ofType(other().audit, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => Properties);
      const found = {
        TreatMissingData: "ignore",
        Statistic: "Maximum",
        Threshold: 1,
        Period: 7200,
        Dimensions: [{ Name: "service", Value: "etcd" }],
      };
      expect(alarms.toSorted((one, another) => (String(one["AlarmName"]) < String(another["AlarmName"]) ? -1 : 1))).toMatchObject([
        { ...found, AlarmName: "etcd-audit-drills", MetricName: METRICS.drillOverdue },
        { AlarmName: "etcd-audit-errors", Namespace: "AWS/Lambda", MetricName: "Errors", TreatMissingData: "breaching", Period: 7200 },
        { ...found, AlarmName: "etcd-audit-findings", MetricName: METRICS.auditErrors },
        { ...found, AlarmName: "etcd-audit-not-ready", MetricName: METRICS.notReady },
      ]);
      const dashboard = JSON.stringify(resolve(theOne(other().service, "AWS::CloudWatch::Dashboard")[1].Properties, other().templates));
      const headings = [HEADINGS.drillOverdue, HEADINGS.auditFailed, HEADINGS.auditFound, HEADINGS.notReady];
      for (const { AlarmName, AlarmDescription } of alarms) {
        expect(dashboard).toContain(String(AlarmName));
        expect(headings.map((heading) => runbookLink("https://example.com/runbook", heading))).toContain(
          String(AlarmDescription).split(" ").at(-1),
        );
      }
    });

    test("leaves one page: older versions of it go by the bucket's own rule, and so do bundles that nobody may apply any more", () => {
      const [, { Properties }] = theOne(other().vault, "AWS::S3::Bucket", "VaultBucket");
      expect(Properties["LifecycleConfiguration"]).toMatchObject({
        Rules: [
          { Id: "unfinished-uploads" },
          { Prefix: "here/and-there/report/", NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
          // A plan may be applied for 30 days at most.
          { Prefix: "here/and-there/bundles/", ExpirationInDays: 31, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
        ],
      });
    });
  });
}
