import type { BucketFacts } from "../../store/store-inspector.ts";

/** Commands of the AWS command line that a person can paste. */
export function s3api({ bucket, region, endpoint }: BucketFacts, call: string, ...more: readonly string[]): string {
  const place = endpoint === undefined ? "" : ` --endpoint-url ${endpoint}`;
  return [`aws s3api ${call} --bucket ${bucket} --region ${region}${place}`, ...more].join(" ");
}

/** JSON in single quotes, as a shell takes it. */
export function quoted(json: unknown): string {
  return `'${JSON.stringify(json)}'`;
}
