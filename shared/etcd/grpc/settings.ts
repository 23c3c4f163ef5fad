/** How to reach a cluster: what the configuration says, with every reference resolved. */
export interface EtcdSettings {
  /** `http://host:port` or `https://host:port`; IPv6 addresses in brackets. */
  readonly endpoints: readonly string[];
  readonly tls?: TlsSettings | undefined;
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
  /** For a connection to stand, TLS included. */
  readonly connectMs: number;
  /** For one answer on a connection that stands; the snapshot has limits of its own. */
  readonly callMs: number;
}

/** PEM texts. */
export interface TlsSettings {
  /** Signs the servers' certificates; the CAs that Node trusts where absent. */
  readonly ca?: string | undefined;
  /** The client's certificate, and its key: both or none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name to find in the servers' certificates in place of the endpoint's host. */
  readonly serverName?: string | undefined;
}
