/**
 * A reader of one gRPC answer stream of `etcdserverpb.SnapshotResponse` that hands on the blobs' bytes without copying or gathering them.
 * Sources: gRPC over HTTP/2 (Length-Prefixed-Message), the protobuf encoding, and etcd's rpc.proto:
 * `message SnapshotResponse { ResponseHeader header = 1; uint64 remaining_bytes = 2; bytes blob = 3; string version = 4; }`.
 */

/** The bytes are not what etcd would send. The message says why, for the end of a sentence. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

/** etcd sends 32 KiB a message. A proxy does not change that, so anything of this size is no snapshot. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const PREFIX_BYTES = 5;
const MAX_VARINT_BYTES = 10;

const REMAINING_BYTES_FIELD = 2;
const BLOB_FIELD = 3;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

type Expecting = "prefix" | "tag" | "remaining" | "blob-length" | "skip-length" | "skip-varint" | "blob" | "skip";

/** Fed with the chunks of the stream as they come, however they were cut. Holds no more than a few numbers. */
export class SnapshotFrames {
  /** Blob bytes handed on so far. */
  blobBytes = 0;
  #expecting: Expecting = "prefix";
  /** Of the present message, not read yet. */
  #messageLeft = 0;
  #prefixRead = 0;
  #varint = 0;
  #varintBytes = 0;
  /** Of the present blob or skipped field, not read yet. */
  #fieldLeft = 0;
  #hasBlob = false;
  /** As the newest message says; absent is 0 in proto3. */
  #remaining = 0;
  #messages = 0;

  /** Calls `emit` with each piece of a blob in `chunk`: views on its memory. Throws MalformedAnswer. */
  push(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#expecting === "blob" || this.#expecting === "skip") {
        const end = Math.min(chunk.length, offset + this.#fieldLeft);
        if (this.#expecting === "blob") {
          this.blobBytes += end - offset;
          emit(offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end));
        }
        this.#fieldLeft -= end - offset;
        this.#messageLeft -= end - offset;
        offset = end;
        if (this.#fieldLeft === 0) this.#fieldDone();
      } else {
        this.#byte(chunk[offset] ?? 0);
        offset += 1;
      }
    }
  }

  /** To be called where the stream ended well. Throws MalformedAnswer where it ended too soon. */
  finish(): void {
    if (this.#expecting !== "prefix" || this.#prefixRead > 0) throw new MalformedAnswer("it ended within a message");
    if (this.#messages === 0) throw new MalformedAnswer("it ended without a message");
    if (this.#remaining > 0) throw new MalformedAnswer(`it ended with ${this.#remaining} bytes still to come`);
  }

  #byte(byte: number): void {
    if (this.#expecting === "prefix") {
      this.#prefixByte(byte);
      return;
    }
    this.#messageLeft -= 1;
    if (!this.#varintByte(byte)) {
      if (this.#messageLeft === 0) throw new MalformedAnswer("a message ends within a number");
      return;
    }
    const value = this.#varint;
    this.#varint = 0;
    this.#varintBytes = 0;
    if (this.#expecting === "tag") {
      this.#tag(value);
    } else if (this.#expecting === "blob-length") {
      this.#field(value, "blob");
    } else if (this.#expecting === "skip-length") {
      this.#field(value, "skip");
    } else {
      if (this.#expecting === "remaining") this.#announced(value);
      this.#fieldDone();
    }
  }

  /** One byte for "not compressed", four for the message's length, the highest first. */
  #prefixByte(byte: number): void {
    if (this.#prefixRead === 0) {
      if (byte !== 0) throw new MalformedAnswer("a message is compressed, which was not asked for");
      this.#messageLeft = 0;
    } else {
      this.#messageLeft = this.#messageLeft * 256 + byte;
    }
    this.#prefixRead += 1;
    if (this.#prefixRead < PREFIX_BYTES) return;
    if (this.#messageLeft > MAX_MESSAGE_BYTES) throw new MalformedAnswer(`a message of ${this.#messageLeft} bytes is too large`);
    this.#prefixRead = 0;
    this.#messages += 1;
    this.#remaining = 0;
    this.#hasBlob = false;
    this.#fieldDone();
  }

  /** Whether the number is whole with this byte. Past 2^53 it is not exact, which is enough to refuse it. */
  #varintByte(byte: number): boolean {
    this.#varint += (byte & 0x7f) * 2 ** (7 * this.#varintBytes);
    this.#varintBytes += 1;
    if (byte < 0x80) return true;
    if (this.#varintBytes === MAX_VARINT_BYTES) throw new MalformedAnswer("a number in it does not end");
    return false;
  }

  #tag(tag: number): void {
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (number === 0) throw new MalformedAnswer("a field has the number 0");
    if (number === BLOB_FIELD) {
      if (type !== BYTES) throw new MalformedAnswer(`its blob is of wire type ${type}`);
      if (this.#hasBlob) throw new MalformedAnswer("a message holds two blobs");
      this.#hasBlob = true;
      this.#expecting = "blob-length";
    } else if (number === REMAINING_BYTES_FIELD) {
      if (type !== VARINT) throw new MalformedAnswer(`its remaining bytes are of wire type ${type}`);
      this.#expecting = "remaining";
    } else if (type === VARINT) {
      this.#expecting = "skip-varint";
    } else if (type === BYTES) {
      this.#expecting = "skip-length";
    } else if (type === FIXED64 || type === FIXED32) {
      this.#field(type === FIXED64 ? 8 : 4, "skip");
    } else {
      throw new MalformedAnswer(`field ${number} is of wire type ${type}`);
    }
    if (this.#messageLeft === 0) this.#needsMore();
  }

  #announced(remaining: number): void {
    if (remaining > Number.MAX_SAFE_INTEGER) throw new MalformedAnswer("it announces more bytes than there can be");
    this.#remaining = remaining;
  }

  #field(bytes: number, kind: "blob" | "skip"): void {
    if (bytes > this.#messageLeft) throw new MalformedAnswer("a field reaches past its message");
    this.#fieldLeft = bytes;
    this.#expecting = kind;
    if (bytes === 0) this.#fieldDone();
  }

  #fieldDone(): void {
    this.#expecting = this.#messageLeft === 0 ? "prefix" : "tag";
  }

  #needsMore(): never {
    throw new MalformedAnswer("a message ends within a field");
  }
}
