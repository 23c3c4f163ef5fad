import { createServer } from "node:http";
import type { Server } from "node:http";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { openClient } from "../../../shared/cloud/aws/caller-identity.ts";
import { assumedRole } from "../../../shared/cloud/aws/session.ts";
import { systemClock } from "../../../shared/system-clock.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";

/** What STS is asked for, and how long its answer serves. */

const ROLE = "arn:aws:iam::111122223333:role/writer";

let server: Server;
let asked: URLSearchParams[] = [];
let answer: { readonly status: number; readonly text: string };

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push(new URLSearchParams(body));
      response.writeHead(answer.status, { "content-type": "text/xml" }).end(answer.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(() => {
  asked = [];
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function session(end: Date): typeof answer {
  const text = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${end.toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
  return { status: 200, text };
}

const sourceFor = (name: string) =>
  assumedRole(openClient({ region: "eu-central-1" }), { role: ROLE, name, tags: { cluster: name } }, systemClock);

test("a role is assumed with the cluster as session tag and name, once for all who ask until it is about to end", async () => {
  answer = session(new Date(Date.now() + 3_600_000));
  const source = sourceFor("prod");
  const [one, other] = await Promise.all([source(), source()]);
  expect(one).toMatchObject({ accessKeyId: "ASIA", secretAccessKey: "s", sessionToken: "t" });
  expect(await source()).toBe(other);
  expect(asked.map((each) => Object.fromEntries(each))).toEqual([
    {
      Action: "AssumeRole",
      Version: "2011-06-15",
      RoleArn: ROLE,
      RoleSessionName: "prod",
      DurationSeconds: "3600",
      "Tags.member.1.Key": "cluster",
      "Tags.member.1.Value": "prod",
    },
  ]);

  answer = session(new Date(Date.now() + 60_000));
  const short = sourceFor("x");
  await short();
  await short();
  expect(asked.slice(1).map((each) => each.get("RoleSessionName"))).toEqual(["x-", "x-"]);
});

test("what is denied is told as that, and what failed is asked anew", async () => {
  answer = {
    status: 403,
    text: "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: sts:TagSession</Message></Error></ErrorResponse>",
  };
  const source = sourceFor("prod");
  expect(await failureOf(source())).toMatchObject({
    code: "service/denied",
    message: `sts:AssumeRole on ${ROLE} for prod is denied`,
    hint: saying("deploy the service's stack again"),
  });
  answer = session(new Date(Date.now() + 3_600_000));
  expect(await source()).toMatchObject({ accessKeyId: "ASIA" });
});
