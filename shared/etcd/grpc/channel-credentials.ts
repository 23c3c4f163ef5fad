import type { Socket } from "node:net";

import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";

import { secured, type DialTarget } from "./dial.ts";

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * The TLS of `dial` for grpc-js. Its own credentials send an IP address as server name, which RFC 6066 forbids and Node warns about on stderr, and take
 * ciphers and CAs from the environment. Members whose names begin with an underscore are grpc-js's own, of the version that is pinned.
 */
export class LineCredentials extends ChannelCredentials {
  readonly #line: DialTarget;

  constructor(line: DialTarget) {
    super();
    this.#line = line;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(_target: unknown, _options: unknown, callCredentials?: CallCredentials): Connector {
    const line = this.#line;
    const none = CallCredentials.createEmpty();
    return {
      async connect(socket: Socket) {
        return { socket: await secured(line, socket), secure: true };
      },
      async waitForReady() {},
      getCallCredentials: () => callCredentials ?? none,
      destroy() {},
    };
  }
}
