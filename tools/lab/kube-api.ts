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

interface Body {
  readonly content: string;
  readonly type: string;
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
    return JSON.parse(await this.#text("POST", path, JSON.stringify(object))) as KubeObject;
  }

  /** As `kubectl create -f` does, by the API server's own reader of YAML, which refuses what it does not know (fieldValidation). */
  async createFromYaml(path: string, yaml: string): Promise<KubeObject> {
    return JSON.parse(await this.#text("POST", `${path}?fieldValidation=Strict`, yaml, "application/yaml")) as KubeObject;
  }

  /** `path` is the object's, or of a part of it such as /finalize. */
  async replace(path: string, object: KubeObject): Promise<void> {
    await this.#text("PUT", path, JSON.stringify(object));
  }

  /** A JSON merge patch (RFC 7396) of the object at `path`. */
  async patch(path: string, changes: object): Promise<KubeObject> {
    return JSON.parse(await this.#text("PATCH", path, JSON.stringify(changes), "application/merge-patch+json")) as KubeObject;
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

  async #text(method: string, path: string, content?: string, type = "application/json"): Promise<string> {
    return text(await this.#send(method, path, content === undefined ? undefined : { content, type }, AbortSignal.timeout(REQUEST_MS)));
  }

  async #send(method: string, path: string, body: Body | undefined, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const { url, ca, token } = this.#access;
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": body.type }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${url}${path}`, { method, ca, headers, agent: false, signal }, resolve).once("error", reject).end(body?.content);
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw new KubeError(status, `${method} ${path}`, await text(response));
  }
}
