import { maintainEvent } from "../shared/contract/events.ts";
import type { MaintainOutcome } from "../shared/contract/outcomes.ts";
import { LifeboatError } from "../shared/errors.ts";
import { failedSteps, maintainKopia } from "../shared/jobs/kopia/maintain.ts";
import { openKopiaAdmin } from "../shared/wire/kopia-admin.ts";
import type { Measured } from "./metrics.ts";
import { serve } from "./serve.ts";

/** Runs the full maintenance of the Kopia repository: MaintainEvent in, MaintainOutcome out (shared/contract/outcomes.ts). Fails where a step of it did, since the alarm rests on what Lambda counts of its failures. */
export const handler = serve({
  schema: maintainEvent,
  failed: undefined,
  async run(_event, { loaded, signal, surroundings }): Promise<{ outcome: MaintainOutcome; measured: Measured }> {
    const repository = await (await openKopiaAdmin(loaded, surroundings)).open();
    const done = await maintainKopia(repository, "full", signal);
    const failed = failedSteps(done.maintenance);
    if (failed.length > 0) {
      const steps = failed.map(({ task, error }) => `${task} (${error ?? "kopia does not say why"})`).join(", ");
      throw new LifeboatError("store/failed", `the maintenance of ${done.location} did not do all: ${steps}`, {
        hint: "lifeboat kopia status says more; the next run takes it up",
      });
    }
    const { location, freed, waiting, snapshots } = done;
    const outcome = {
      location,
      snapshots,
      freedBytes: freed,
      waitingBytes: waiting.bytes ?? null,
      locksExtended: done.locksExtended ?? null,
    };
    return { outcome, measured: {} };
  },
});
