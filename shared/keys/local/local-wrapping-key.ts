import { encryptSmall } from "../../seal/age.ts";
import { recipientIn } from "../identity.ts";
import { identityText } from "../identity-text.ts";
import type { WrapContext, Wrapping, WrappingKey } from "../key-ring.ts";

/** An X25519 age recipient. */
export class LocalWrappingKey implements WrappingKey {
  readonly location: string;
  readonly #recipient: string;

  constructor(recipient: string) {
    this.location = `recipient ${recipient}`;
    this.#recipient = recipient;
  }

  wrappingKey(): Promise<string> {
    return Promise.resolve(this.#recipient);
  }

  async wrap(identity: string, context: WrapContext): Promise<Wrapping> {
    await recipientIn(identity, "what is to be wrapped");
    const key = this.#recipient;
    return { kind: "local", key, ciphertext: await encryptSmall([key], Buffer.from(identityText(identity, context))) };
  }
}
