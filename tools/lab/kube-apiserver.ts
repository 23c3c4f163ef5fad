import { generateKeyPairSync, randomBytes } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAuthority } from "./certificates.ts";
import { KubeApi } from "./kube-api.ts";
import { until } from "./until.ts";

const PROGRAM = fileURLToPath(new URL("../bin/kube-apiserver", import.meta.url));

/** What encrypts Secrets at rest: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#providers. */
export const PROVIDERS = ["aescbc", "aesgcm", "secretbox"] as const;
export type Provider = (typeof PROVIDERS)[number];

export interface ApiServerOptions {
  /** For its files; made where it is missing. */
  readonly folder: string;
  readonly etcdUrl: string;
  /** On loopback. */
  readonly port: number;
  /** What it writes into the endpoints of the service `kubernetes`: no loopback address. */
  readonly advertiseAddress: string;
}

/** A real kube-apiserver: how it is started, and a client for it. Whoever holds one starts and stops the process. */
export class LabApiServer {
  readonly program: { readonly command: string; readonly args: readonly string[] };
  readonly api: KubeApi;
  readonly folder: string;
  readonly #keys: ReadonlyMap<Provider, string>;

  private constructor(folder: string, program: LabApiServer["program"], api: KubeApi, keys: ReadonlyMap<Provider, string>) {
    this.folder = folder;
    this.program = program;
    this.api = api;
    this.#keys = keys;
  }

  /** Writes its files: certificates, token, keys. Secrets are written by the first of PROVIDERS. */
  static async prepare(options: ApiServerOptions): Promise<LabApiServer> {
    const { folder, etcdUrl, port, advertiseAddress } = options;
    const command = requireKubeApiserver();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const token = randomBytes(24).toString("hex");
    const authority = await createAuthority("lifeboat lab kubernetes");
    const { cert, key } = await authority.issueServer(["127.0.0.1"]);
    const file = async (name: string, content: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, content, { mode: 0o600 });
      return path;
    };
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const signing = await file("service-account.key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const args = [
      `--etcd-servers=${etcdUrl}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      `--advertise-address=${advertiseAddress}`,
      `--tls-cert-file=${await file("server.crt", cert)}`,
      `--tls-private-key-file=${await file("server.key", key)}`,
      `--cert-dir=${folder}`,
      `--service-account-key-file=${signing}`,
      `--service-account-signing-key-file=${signing}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--token-auth-file=${await file("tokens.csv", `${token},lab,lab,"system:masters"\n`)}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      "--disable-admission-plugins=ServiceAccount",
      `--encryption-provider-config=${join(folder, "encryption.yaml")}`,
    ];
    const keys = new Map(PROVIDERS.map((each) => [each, randomBytes(32).toString("base64")]));
    const api = new KubeApi({ url: `https://127.0.0.1:${port}`, ca: authority.certificate, token });
    const server = new LabApiServer(folder, { command, args }, api, keys);
    await server.encryptBy(PROVIDERS[0]);
    return server;
  }

  /** From its next start on Secrets are written by `provider`; those of the others can still be read. */
  async encryptBy(provider: Provider): Promise<void> {
    const providers = [provider, ...PROVIDERS.filter((each) => each !== provider)].map((each) => ({
      [each]: { keys: [{ name: `of-${each}`, secret: this.#keys.get(each) }] },
    }));
    const config = {
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "EncryptionConfiguration",
      resources: [{ resources: ["secrets"], providers: [...providers, { identity: {} }] }],
    };
    const path = join(this.folder, "encryption.yaml");
    await writeFile(`${path}.new`, JSON.stringify(config), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Resolves when it says that it is ready: then it serves its own APIs and those of CRDs, from a cache that holds what etcd had. */
  async ready(deadlineMs = 90_000): Promise<void> {
    await until(
      "kube-apiserver ready",
      deadlineMs,
      () =>
        this.api.raw("/readyz").then(
          () => true,
          () => false,
        ),
      200,
    );
  }
}

/** The path of the program that `npm run setup -- --exhaustive` built. */
function requireKubeApiserver(): string {
  try {
    accessSync(PROGRAM, constants.X_OK);
    return PROGRAM;
  } catch {
    throw new Error("kube-apiserver is not here: run npm run setup -- --exhaustive");
  }
}
