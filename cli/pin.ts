import { pinSnapshot } from "../shared/jobs/pin.ts";
import type { PinOutcome } from "../shared/jobs/pin.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Run } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import { formatTime, printable } from "./format.ts";
import { badPinsJson, isSuspicious, pinJson } from "./pins.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat pin`. */
export const registerPin: Register = (program, run) => {
  program
    .command("pin")
    .summary("keep a snapshot from being removed")
    .description(
      "Pin a snapshot, so that retention does not remove it before lifeboat unpin. The pin is signed with the audit key and recorded in the custody log. It keeps the snapshot in this store. Each replica has its own retention, and gets the pin with the next copy.",
    )
    .argument("<ref>", "which snapshot")
    .requiredOption("--reason <text>", "why, for whoever reads it later")
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat pin prod/20261121T100000Z --reason "before the upgrade to 1.37"`)
    .action((ref: string, { reason }: Options) => change(run, { ref, reason, pinned: true }));
};

/** `lifeboat unpin`. */
export const registerUnpin: Register = (program, run) => {
  program
    .command("unpin")
    .summary("let retention remove a pinned snapshot again")
    .description(
      "Unpin a snapshot. From then on retention treats it like any other snapshot. The unpin is signed with the audit key and recorded in the custody log. The earlier pin also stays in the store, as evidence.",
    )
    .argument("<ref>", "which snapshot")
    .requiredOption("--reason <text>", "why, for whoever reads it later")
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat unpin prod/20261121T100000Z --reason "the upgrade is done"`)
    .action((ref: string, { reason }: Options) => change(run, { ref, reason, pinned: false }));
};

interface Options {
  readonly reason: string;
}

function change(run: Run, request: { readonly ref: string; readonly reason: string; readonly pinned: boolean }): Promise<void> {
  return run(async (session) => {
    const { console, json } = session;
    const progress = new ConsoleProgress(console);
    const result = await pinSnapshot({ ...(await session.openPorts()), progress }, { ...request, signal: console.signal }).finally(() =>
      progress.close(),
    );
    const { outcome, found, state, key, custody } = result;
    if (json)
      printJson(console, request.pinned ? "pin" : "unpin", {
        ref: refOf(result),
        manifestDigest: found.digest,
        outcome,
        ...pinJson(state),
        badPins: badPinsJson(state.doubts),
        key: key ?? null,
        custody: custody ?? null,
      });
    else print(console, describe(result));
    for (const { message } of state.doubts) note(console, `warning: ${printable(message)}`);
    if (state.isPinned === undefined)
      note(console, `warning: ${refOf(result)} is kept as if it were pinned, as long as that object is there`);
    return state.doubts.some(isSuspicious) ? 6 : 0;
  });
}

function refOf({ found: { manifest } }: PinOutcome): string {
  return `${manifest.cluster}/${manifest.id}`;
}

function describe(result: PinOutcome): string {
  const { outcome, state, custody } = result;
  const ref = refOf(result);
  if (outcome !== "already") return `${ref} is ${outcome}\ncustody: ${describeReceipt(custody)}`;
  if (state.counts === undefined) return `${ref} is not pinned: nothing was written`;
  const { at, by, reason } = state.counts.pin;
  const since = `${formatTime(at)} by ${printable(by)}: ${printable(reason)}`;
  return `${ref} was ${state.isPinned === true ? "pinned" : "unpinned"} before, at ${since}; nothing was written`;
}
