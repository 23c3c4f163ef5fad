import { styleText } from "node:util";

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A heading between two steps. */
export function heading(text: string): void {
  say(`\n${styleText("bold", `== ${text}`)}`);
}
