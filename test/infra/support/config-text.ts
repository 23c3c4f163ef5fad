/** A lifeboat.yaml that can be deployed, with `changes` in place of its parts. */
export function configText(changes: Readonly<Record<string, string>>): string {
  const parts: Readonly<Record<string, string>> = {
    STORE: "{ kind: s3, bucket: example-etcd-backups, region: eu-central-1 }",
    WRAP: "alias/lifeboat-wrap",
    RPO: "2h",
    SCHEDULE: "{ rate: 1h }",
    SERVICE: "{}",
    NETWORK: "",
    REPLICAS: "",
    TLS: "",
    AUTH: "",
    ...changes,
  };
  const { KEYS = keys(parts["WRAP"]), CLUSTERS = cluster(parts) } = changes;
  return `version: 1
store: ${parts["STORE"]}
keys: ${KEYS}
${parts["NETWORK"]}
${parts["REPLICAS"]}
clusters: ${CLUSTERS}
`;
}

function keys(wrap: string | undefined): string {
  return `{ kind: kms, region: eu-central-1, wrap: "${wrap}", sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b } }`;
}

function cluster(parts: Readonly<Record<string, string>>): string {
  return `
  prod:
    endpoints: [https://10.0.0.1:2379]
    ${parts["TLS"]}
    ${parts["AUTH"]}
    schedule: ${parts["SCHEDULE"]}
    rpo: ${parts["RPO"]}
    service: ${parts["SERVICE"]}`;
}
