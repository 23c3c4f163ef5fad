import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { faultOf, hintFor } from "../../aws-fault.ts";
import type { CloudReference, SecretSource } from "../../config/secrets.ts";
import type { TraceClient } from "../../debug-log.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { CredentialSource } from "../credentials.ts";

const SERVICES = {
  secretsmanager: {
    title: "Secrets Manager",
    thing: "secret",
    permission: "secretsmanager:GetSecretValue",
    missing: "ResourceNotFoundException",
  },
  ssm: { title: "the SSM Parameter Store", thing: "parameter", permission: "ssm:GetParameter", missing: "ParameterNotFound" },
} as const;

/**
 * Secrets in AWS Secrets Manager and the SSM Parameter Store, each asked for once. Credentials where none are given, and the region where none is given and the name is no ARN, come by
 * the SDK's own default chain.
 */
export class AwsSecrets implements SecretSource {
  readonly #region: string | undefined;
  readonly #trace: TraceClient;
  readonly #credentials: CredentialSource | undefined;
  readonly #read = new Map<string, Promise<string>>();

  constructor(region: string | undefined, watch: TraceClient = () => undefined, credentials?: CredentialSource) {
    this.#region = region;
    this.#trace = watch;
    this.#credentials = credentials;
  }

  async read({ service, name, field }: CloudReference, setting: string): Promise<string> {
    const { title, thing } = SERVICES[service];
    const refers = `${setting} refers to the ${thing} ${name}`;
    try {
      const key = `${service}:${name}`;
      const reading = this.#read.get(key) ?? this.#fetch(service, name);
      this.#read.set(key, reading);
      const text = await reading;
      return field === undefined ? text : fieldOf(text, field, refers);
    } catch (error) {
      if (isLifeboatError(error)) throw error;
      throw secretError(error, service, refers, title);
    }
  }

  async #fetch(service: CloudReference["service"], name: string): Promise<string> {
    const region = /^arn:aws[a-z-]*:(?:secretsmanager|ssm):([a-z0-9-]+):/.exec(name)?.[1] ?? this.#region;
    const config = {
      ...(region === undefined ? {} : { region }),
      ...(this.#credentials === undefined ? {} : { credentials: this.#credentials }),
      requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000 },
    };
    if (service === "ssm") {
      const client = new SSMClient(config);
      this.#trace(client);
      const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
      return Parameter?.Value ?? "";
    }
    const client = new SecretsManagerClient(config);
    this.#trace(client);
    const { SecretString, SecretBinary } = await client.send(new GetSecretValueCommand({ SecretId: name }));
    return SecretString ?? Buffer.from(SecretBinary ?? new Uint8Array()).toString("utf8");
  }
}

/** Messages name the fields that there are: names are no secrets. */
function fieldOf(text: string, field: string, refers: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message repeats a part of the secret.
    throw new LifeboatError("config/secret", `${refers}, which is no JSON and so has no field ${field}`, {
      hint: `leave #${field} out to take the whole secret`,
    });
  }
  const fields = new Map<string, unknown>(
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [],
  );
  const found = fields.get(field);
  if (typeof found === "string") return found;
  const there = [...fields.keys()].join(", ");
  throw new LifeboatError("config/secret", `${refers}, which has no text in a field ${field}`, {
    hint: there === "" ? "the secret is no JSON object" : `its fields are ${there}`,
  });
}

function secretError(error: unknown, service: CloudReference["service"], refers: string, title: string): LifeboatError {
  const fault = faultOf(error);
  const { permission, missing } = SERVICES[service];
  if (fault.name === missing) {
    return new LifeboatError("config/secret", `${refers}, which is not in ${title}`, {
      hint: "check its name, and that it is in the region of keys.region or AWS_REGION, or name it by its ARN",
      cause: error,
    });
  }
  if (fault.kind === "denied") {
    return new LifeboatError("config/secret", `${refers}, which this role may not read`, {
      hint: `give the role ${permission} on it, and kms:Decrypt on the key that encrypts it where that is not AWS's own`,
      cause: error,
    });
  }
  return new LifeboatError("config/secret", `${refers}, which cannot be read: ${fault.reason} (${fault.name})`, {
    hint: hintFor(fault) ?? `see the state of it in ${title}`,
    cause: error,
  });
}
