/** What stands at the beginning of a value that Kubernetes encrypted: `k8s:enc:<provider>:v1:<key name>:` (kms also v2). */
const PREFIX = Buffer.from("k8s:enc:");
const COLON = 0x3a;
/** The longest provider, version and key name that are looked for. */
const LONGEST = 256;
/** What seven bits tell apart, 0 being none. */
const MOST = 126;
const OTHER = { provider: "other", keyName: "" } as const;

export interface EncryptionKind {
  readonly provider: string;
  readonly keyName: string;
}

/** The kinds of encryption met so far, by number: 0 is none, and all past the 126th are the 127th, `other`. */
export class EncryptionKinds {
  readonly #numbers = new Map<string, number>();
  readonly #kinds: EncryptionKind[] = [];

  get count(): number {
    return this.#kinds.length;
  }

  /** Of a value from `start` up to `end`. */
  numberOf(bytes: Uint8Array, start: number, end: number): number {
    if (end - start <= PREFIX.length || bytes[start] !== PREFIX[0]) return 0;
    for (let index = 1; index < PREFIX.length; index++) if (bytes[start + index] !== PREFIX[index]) return 0;
    const from = start + PREFIX.length;
    const most = Math.min(end, from + LONGEST);
    let colons = 0;
    let at = from;
    for (; at < most && colons < 3; at++) if (bytes[at] === COLON) colons++;
    if (colons < 3) return 0;
    const name = Buffer.from(bytes.buffer, bytes.byteOffset + from, at - 1 - from).toString("utf8");
    return this.#numbers.get(name) ?? this.#number(name);
  }

  kind(number: number): EncryptionKind {
    return this.#kinds[number - 1] ?? OTHER;
  }

  #number(name: string): number {
    if (this.#kinds.length === MOST) return MOST + 1;
    const [provider = "", , keyName = ""] = name.split(":");
    this.#kinds.push({ provider, keyName });
    this.#numbers.set(name, this.#kinds.length);
    return this.#kinds.length;
  }
}
