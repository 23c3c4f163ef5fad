import type { ClusterConfig } from "./schema.ts";

/** How each of the two roles reaches the members of a cluster. */

/** A reference to a secret, and the setting that has it. */
export interface SecretSetting {
  readonly setting: string;
  readonly reference: string;
}

export interface EtcdAccess {
  readonly endpoints: readonly string[];
  readonly tls:
    | {
        readonly ca: SecretSetting | undefined;
        readonly cert: SecretSetting | undefined;
        readonly key: SecretSetting | undefined;
        readonly serverName: string | undefined;
      }
    | undefined;
  readonly auth: { readonly username: string; readonly password: SecretSetting } | undefined;
  readonly connectMs: number;
  readonly callMs: number;
  readonly hashKvMs: number;
}

/** As what backs a cluster up reaches it. `name` is for the names of settings. */
export function backupAccess(name: string, { endpoints, tls, auth, timeouts }: ClusterConfig): EtcdAccess {
  const at = `clusters.${name}`;
  const { connect, call, hashKv } = timeouts;
  return { endpoints, tls: tlsAt(at, tls), auth: authAt(at, auth), connectMs: connect, callMs: call, hashKvMs: hashKv };
}

/**
 * As its verifier does: each setting of `verify`, else the cluster's. A client certificate of the verifier's own stands in the place of the cluster's password too: who has credentials of
 * its own needs none of the other role's.
 */
export function verifierAccess(name: string, cluster: ClusterConfig): EtcdAccess {
  const { verify } = cluster;
  const at = `clusters.${name}.verify`;
  const shared = backupAccess(name, cluster);
  const { connect, call, hashKv } = { ...cluster.timeouts, ...verify.timeouts };
  const isByCertificate = verify.tls?.cert !== undefined;
  return {
    endpoints: verify.endpoints ?? shared.endpoints,
    tls: tlsAt(at, verify.tls) ?? shared.tls,
    auth: authAt(at, verify.auth) ?? (isByCertificate ? undefined : shared.auth),
    connectMs: connect,
    callMs: call,
    hashKvMs: hashKv,
  };
}

/** The references to secrets among them. */
export function secretsIn({ tls, auth }: EtcdAccess): readonly SecretSetting[] {
  return [tls?.ca, tls?.cert, tls?.key, auth?.password].filter((each) => each !== undefined);
}

function tlsAt(at: string, tls: ClusterConfig["tls"]): EtcdAccess["tls"] {
  if (tls === undefined) return undefined;
  const secret = (setting: "ca" | "cert" | "key"): SecretSetting | undefined => {
    const reference = tls[setting];
    return reference === undefined ? undefined : { setting: `${at}.tls.${setting}`, reference };
  };
  return { ca: secret("ca"), cert: secret("cert"), key: secret("key"), serverName: tls.serverName };
}

function authAt(at: string, auth: ClusterConfig["auth"]): EtcdAccess["auth"] {
  return auth && { username: auth.username, password: { setting: `${at}.auth.password`, reference: auth.password } };
}
