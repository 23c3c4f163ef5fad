import { LifeboatError } from "../../errors.ts";

/** Where a member listens for clients, taken apart. */
export interface Endpoint {
  /** As configured: what every message calls it. */
  readonly url: string;
  readonly secure: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, an IPv6 address in brackets. */
  readonly authority: string;
}

/** Throws `config/invalid` for anything but `http://host[:port]` or `https://host[:port]`. */
export function parseEndpoint(url: string): Endpoint {
  const parsed = /^https?:\/\//.test(url) ? URL.parse(url) : null;
  if (parsed === null) {
    throw new LifeboatError("config/invalid", `endpoint ${JSON.stringify(withoutUser(url))} is not a URL of etcd`, {
      hint: "write endpoints as https://host:2379 or http://host:2379",
    });
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new LifeboatError("config/invalid", `endpoint ${parsed.protocol}//${parsed.host} holds a user name or password`, {
      hint: "move them to auth.username and auth.password",
    });
  }
  if (parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "") {
    throw new LifeboatError("config/invalid", `endpoint ${url} has a path, and etcd has none`, {
      hint: `write it as ${parsed.protocol}//${parsed.host}`,
    });
  }
  const secure = parsed.protocol === "https:";
  const port = parsed.port === "" ? (secure ? 443 : 80) : Number(parsed.port);
  return {
    url,
    secure,
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    authority: `${parsed.hostname}:${port}`,
  };
}

/** What stands before an @ may be a password. */
function withoutUser(url: string): string {
  return url.slice(url.lastIndexOf("@") + 1);
}
