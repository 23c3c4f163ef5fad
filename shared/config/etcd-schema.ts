import { z } from "zod";
import { PEM_REFERENCE, REFERENCE } from "./secrets.ts";
import { settings } from "./settings.ts";

/** How etcd is reached: the same for what backs up and for what verifies. */

const reference = z
  .string()
  .regex(REFERENCE, "expected a reference: file:PATH, env:NAME, secretsmanager:NAME#FIELD or ssm:NAME, never the value itself");

const endpoint = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    context.addIssue({ code: "custom", message: `"${text}" is not an endpoint such as https://10.0.0.1:2379` });
    return z.NEVER;
  }
  if (url.username !== "" || url.password !== "") {
    context.addIssue({ code: "custom", message: "an endpoint must not hold a user name or password; use auth" });
    return z.NEVER;
  }
  if ((url.pathname !== "/" && url.pathname !== "") || url.search !== "" || url.hash !== "") {
    context.addIssue({ code: "custom", message: `"${text}" has a path; an endpoint is scheme, host and port only` });
    return z.NEVER;
  }
  // URL drops a scheme's default port; etcd's own default is 2379 and never meant here.
  if (url.port === "" && !/:\d+\/?$/.test(text)) {
    context.addIssue({ code: "custom", message: `"${text}" has no port; etcd's is usually 2379` });
    return z.NEVER;
  }
  return text.replace(/\/$/, "");
});

export const endpoints = z
  .array(endpoint)
  .min(1, "at least one endpoint")
  .refine((list) => new Set(list).size === list.length, "an endpoint is listed twice");

const authority = z
  .string()
  .refine(
    (text) => REFERENCE.test(text) || PEM_REFERENCE.test(text),
    "expected a reference: file:PATH, env:NAME, secretsmanager:NAME#FIELD or ssm:NAME, or the certificate itself after pem:",
  );

export const tls = settings({
  ca: authority.optional(),
  cert: reference.optional(),
  key: reference.optional(),
  serverName: z.string().min(1).optional(),
}).refine((value) => (value.cert === undefined) === (value.key === undefined), "cert and key go together");

export const auth = settings({ username: z.string().min(1), password: reference });
