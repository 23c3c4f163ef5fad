import { constants } from "node:http2";
import type { OnReadOpts, Socket } from "node:net";
import { Duplex } from "node:stream";

/**
 * HTTP/2 (RFC 9113) for one stream of much data. node:http2 makes a Buffer, an event and a stream's bookkeeping of every 16 KiB,
 * which costs as much as all else that is done to a snapshot, and leaves garbage faster than it is collected. So the DATA frames
 * of the stream are taken out of what the connection brings before node:http2 sees it, which keeps all the rest: headers,
 * settings, pings, resets.
 */

/** The first stream that a client opens. */
const STREAM = 1;
const HEADER_BYTES = 9;
/** What we announce by not announcing anything. */
const MAX_FRAME_BYTES = 16 * 1024;
/** One read from the socket, again and again into the same memory. */
const READ_BYTES = 256 * 1024;
/** Credit is given back for so much at once: each time is a write, which takes 0.3 ms on loopback, and the window is eight times as much. */
const CREDIT_BYTES = 4 * 1024 * 1024;

const DATA = 0;
const HEADERS = 1;
const WINDOW_UPDATE = 8;
const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;
const PADDED = constants.NGHTTP2_FLAG_PADDED;

type Place = "header" | "padding-length" | "data" | "padding" | "elsewhere";

export class DataTap {
  /** For the socket that is to be tapped, when it is made. */
  readonly onread: OnReadOpts;
  /** What node:http2 is to take for the connection. */
  readonly connection: Duplex;
  /** Undefined until it is known whether the data is for us. */
  #take: ((bytes: Uint8Array) => void) | undefined;
  #socket: Socket | undefined;
  #place: Place = "header";
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerRead = 0;
  /** Of the present frame, not read yet; without its padding where there is some. */
  #left = 0;
  #padding = 0;
  #hasHeaders = false;
  #isPaused = false;
  /** What came from the first data on, while nobody took it. */
  #held: Uint8Array[] | undefined;
  #credit = 0;

  constructor() {
    this.onread = {
      buffer: new Uint8Array(READ_BYTES),
      callback: (count, bytes) => {
        this.#came(bytes.subarray(0, count));
        return !this.#stops;
      },
    };
    this.connection = new Duplex({
      // What comes is pushed as it comes, which is little.
      read: () => undefined,
      // At once, so that credit is never written into the middle of a frame.
      write: (bytes: Uint8Array, _encoding, done) => {
        this.#socket?.write(bytes);
        done();
      },
      final: (done) => {
        this.#socket?.end();
        done();
      },
    });
  }

  /** The socket stands: its end and its failure are now the connection's. */
  attach(socket: Socket): void {
    this.#socket = socket;
    if (socket.destroyed) this.connection.destroy(socket.errored ?? undefined);
    socket.once("end", () => this.connection.push(null));
    socket.once("error", (error) => this.connection.destroy(error));
    socket.once("close", () => this.connection.destroy());
  }

  /**
   * From now on `take` gets the stream's data in pieces, each of which is only valid during the call. Until then it is held back, and not much of it is
   * read: to be called once the headers have told that it is what was asked for.
   */
  open(take: (bytes: Uint8Array) => void): void {
    this.#take = take;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#read(bytes);
    if (!this.#stops) this.#socket?.resume();
  }

  /** Nothing more is read from the socket; what was read is still taken. */
  pause(): void {
    this.#isPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#stops) this.#socket?.resume();
  }

  /** Whether an answer has begun; node:http2 may not have come to it yet, and never will where the connection broke meanwhile. */
  get hasAnswer(): boolean {
    return this.#hasHeaders;
  }

  get #stops(): boolean {
    return this.#isPaused || this.#held !== undefined;
  }

  /** Over TLS some more may come after we asked for no more. */
  #came(bytes: Uint8Array): void {
    if (this.#held === undefined) this.#read(bytes);
    else this.#held.push(Uint8Array.from(bytes));
  }

  #read(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#place === "header") {
        const part = Math.min(HEADER_BYTES - this.#headerRead, bytes.length - at);
        this.#header.set(bytes.subarray(at, at + part), this.#headerRead);
        this.#headerRead += part;
        at += part;
        if (this.#headerRead < HEADER_BYTES) return;
        this.#headerRead = 0;
        if (this.#frame() && this.#take === undefined) {
          this.#held = [Uint8Array.from(bytes.subarray(at))];
          this.#socket?.pause();
          return;
        }
      } else if (this.#place === "padding-length") {
        this.#padding = Math.min(bytes[at] ?? 0, this.#left - 1);
        this.#left -= 1 + this.#padding;
        at += 1;
        this.#place = "data";
        this.#settle();
      } else {
        const end = Math.min(bytes.length, at + this.#left);
        if (this.#place === "data") this.#take?.(bytes.subarray(at, end));
        else if (this.#place === "elsewhere") this.connection.push(Buffer.from(bytes.subarray(at, end)));
        this.#left -= end - at;
        at = end;
        this.#settle();
      }
    }
  }

  /** A frame begins: whether it has data to be taken. */
  #frame(): boolean {
    const header = this.#header;
    const length = header.readUIntBE(0, 3);
    const type = header[3];
    const isOurStream = (header.readUInt32BE(5) & 0x7fff_ffff) === STREAM;
    // What should not be there is node:http2's to refuse.
    const isData = isOurStream && type === DATA && this.#hasHeaders && length <= MAX_FRAME_BYTES;
    this.#left = length;
    if (isData) {
      this.#credit += length;
      this.#place = this.#has(PADDED) && length > 0 ? "padding-length" : "data";
      if (this.#credit >= CREDIT_BYTES) this.#giveCredit();
    } else {
      if (isOurStream && type === HEADERS) this.#hasHeaders = true;
      this.connection.push(Buffer.from(header));
      this.#place = "elsewhere";
    }
    this.#settle();
    return isData && length > 0;
  }

  /** Goes on to what follows where nothing is left of where we are. */
  #settle(): void {
    if (this.#left > 0 || this.#place === "padding-length") return;
    if (this.#place === "data" && this.#padding > 0) {
      this.#left = this.#padding;
      this.#padding = 0;
      this.#place = "padding";
      return;
    }
    if (this.#place !== "elsewhere" && this.#has(END_STREAM)) this.connection.push(frameHeader(0, DATA, END_STREAM, STREAM));
    this.#place = "header";
  }

  #has(flag: number): boolean {
    return ((this.#header[4] ?? 0) & flag) !== 0;
  }

  /** For the stream and for the connection, since node:http2 knows of no data. */
  #giveCredit(): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(this.#credit);
    this.#credit = 0;
    const update = (stream: number): Buffer[] => [frameHeader(increment.length, WINDOW_UPDATE, 0, stream), increment];
    if (this.#socket?.writable === true) this.#socket.write(Buffer.concat([...update(STREAM), ...update(0)]));
  }
}

function frameHeader(length: number, type: number, flags: number, stream: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntBE(length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return header;
}
