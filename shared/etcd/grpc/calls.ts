/** What is asked of etcd by gRPC beside Snapshot: a service's methods. The built command has the messages of these and no others (tools/pack/bundler.ts). */
export const CALLS = {
  Auth: ["Authenticate"],
  Cluster: ["MemberList"],
  Maintenance: ["Status", "HashKV"],
} as const;

type Service = keyof typeof CALLS;

export type Call = { readonly [S in Service]: { readonly service: S; readonly method: (typeof CALLS)[S][number] } }[Service];
