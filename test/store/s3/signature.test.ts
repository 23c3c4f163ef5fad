import { expect, test } from "vitest";
import { escapePath, presignedQuery, Signer } from "../../../shared/store/s3/signature.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CREDENTIALS = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const NOW = new Date("2013-05-24T00:00:00Z");

function signer(query: string): Signer {
  const headers = { host: "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": EMPTY, "user-agent": "not signed" };
  return new Signer({ method: "GET", query, headers, region: "us-east-1" });
}

const signatureOf = (headers: Record<string, string>): string | undefined => headers["authorization"]?.replace(/^.*Signature=/, "");

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Bucket Lifecycle" and "Get Bucket (List Objects)"
test("gives the signatures of AWS's own examples", () => {
  const lifecycle = signer("lifecycle=").sign("/", CREDENTIALS, NOW);
  expect(lifecycle["authorization"]).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  );
  expect(signatureOf(signer("max-keys=2&prefix=J").sign("/", CREDENTIALS, NOW))).toBe(
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  );
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, "Example: presigned URL"
test("gives the address of AWS's own example", () => {
  const request = { host: "examplebucket.s3.amazonaws.com", path: "/test.txt", query: [], region: "us-east-1", seconds: 86_400 };
  expect(presignedQuery(request, CREDENTIALS, NOW)).toBe(
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
  const session = presignedQuery({ ...request, query: [["versionId", "a+b/c="]] }, { ...CREDENTIALS, sessionToken: "to/ken=" }, NOW);
  expect(session).toContain("&X-Amz-Security-Token=to%2Fken%3D&X-Amz-SignedHeaders=host&versionId=a%2Bb%2Fc%3D&X-Amz-Signature=");
});

test("follows other credentials, another second and another day", () => {
  const one = signer("lifecycle=");
  const first = one.sign("/", CREDENTIALS, NOW);
  expect(first["user-agent"]).toBe("not signed");
  const session = one.sign("/", { ...CREDENTIALS, sessionToken: "token" }, NOW);
  expect(session).toMatchObject({
    "x-amz-security-token": "token",
    authorization: expect.stringContaining(";x-amz-security-token,") as unknown,
  });
  const later = one.sign("/", CREDENTIALS, new Date("2013-05-24T00:00:01.900Z"));
  expect(later["x-amz-date"]).toBe("20130524T000001Z");
  const tomorrow = one.sign("/", CREDENTIALS, new Date("2013-05-25T00:00:00Z"));
  expect(tomorrow["authorization"]).toContain("/20130525/");
  const others = one.sign("/", { ...CREDENTIALS, secretAccessKey: "other" }, NOW);
  expect(new Set([first, session, later, tomorrow, others].map(signatureOf)).size).toBe(5);
  expect(one.sign("/", CREDENTIALS, NOW)).toEqual(first);
});

test("a path is escaped but for its slashes and what RFC 3986 leaves unreserved", () => {
  expect(escapePath("clusters/a-b_c.d~e/k@1.json")).toBe("clusters/a-b_c.d~e/k%401.json");
  expect(escapePath("my prefix/(ä)!*'/k")).toBe("my%20prefix/%28%C3%A4%29%21%2A%27/k");
});
