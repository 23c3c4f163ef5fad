import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";

/** An object of the Kubernetes API, as far as every kind has it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface KubeList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly KubeObject[];
}

/** A line of a watch. `ERROR` carries a Status, whose `code` is an HTTP status. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject & { readonly code?: number };
}

/** The API server answered with something else than success; `status` is that of HTTP. */
export class KubeError extends Error {
  readonly status: number;

  constructor(status: number, what: string, body: string) {
    super(`${what}: ${status} ${body.slice(0, 500)}`);
    this.status = status;
  }
}

export interface KubeAccess {
  /** https, without a path. */
  readonly url: string;
  /** PEM of who issued the server's certificate. */
  readonly ca: string;
  /** Of a user that may do everything. */
  readonly token: string;
}

const REQUEST_MS = 30_000;

/** A client of a Kubernetes API server, by paths such as /api/v1/namespaces/default/secrets. */
export class KubeApi {
  readonly #access: KubeAccess;

  constructor(access: KubeAccess) {
    this.#access = access;
  }

  async get<T = KubeObject>(path: string): Promise<T> {
    return JSON.parse(await this.#text("GET", path)) as T;
  }

  list(path: string): Promise<KubeList> {
    return this.get<KubeList>(path);
  }

  /** The body of the answer as it is. */
  raw(path: string): Promise<string> {
    return this.#text("GET", path);
  }

  /** `path` is the collection's. */
  async create(path: string, object: KubeObject): Promise<KubeObject> {
    return JSON.parse(await this.#text("POST", path, object)) as KubeObject;
  }

  /** A JSON merge patch (RFC 7396) of the object at `path`. */
  async patch(path: string, changes: object): Promise<KubeObject> {
    return JSON.parse(await this.#text("PATCH", path, changes)) as KubeObject;
  }

  async remove(path: string): Promise<void> {
    await this.#text("DELETE", path);
  }

  /** What happens in the collection at `path` after `resourceVersion`, until the server, its end or `signal` ends it. */
  async *watch(path: string, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent, void, undefined> {
    const response = await this.#send("GET", `${path}?watch=1&resourceVersion=${resourceVersion}`, undefined, signal);
    response.setEncoding("utf8");
    let rest = "";
    try {
      for await (const chunk of response) {
        const lines = (rest + String(chunk)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line) as WatchEvent;
      }
    } catch (error) {
      // A connection that broke off.
      if (!response.aborted && !signal.aborted) throw error;
    }
  }

  async #text(method: string, path: string, body?: object): Promise<string> {
    return text(await this.#send(method, path, body, AbortSignal.timeout(REQUEST_MS)));
  }

  async #send(method: string, path: string, body: object | undefined, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const { url, ca, token } = this.#access;
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": type }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${url}${path}`, { method, ca, headers, agent: false, signal }, resolve)
        .once("error", reject)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw new KubeError(status, `${method} ${path}`, await text(response));
  }
}
