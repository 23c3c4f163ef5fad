import { objectStoreOf } from "../../shared/config/store-schema.ts";
import type { JsonDocument } from "../../shared/contract/documents.ts";
import { checkPermissions, type PermissionsReport } from "../../shared/jobs/doctor/check-permissions.ts";
import { describePowers } from "../../shared/jobs/doctor/roles.ts";
import { wire } from "../../shared/wire/ports.ts";
import { openInspectors } from "../../shared/wire/doctor.ts";
import { widthOf } from "../console.ts";
import { formatFields, formatTable } from "../format.ts";
import type { RunCheck } from "./outcome.ts";

/** `lifeboat doctor --permissions`. */
export const runPermissions: RunCheck<"permissions"> = async ({ console, surroundings }, loaded) => {
  const { keys, stores } = await openInspectors(loaded, surroundings);
  const [store] = stores;
  const [ring] = keys;
  if (store === undefined || ring === undefined) throw new Error("a configuration has a store and keys");
  const { actor } = await wire(loaded, surroundings);
  const cluster = Object.keys(loaded.config.clusters)[0] ?? "lifeboat-doctor";
  const settings = objectStoreOf(loaded.config.store);
  const work = {
    keepsDataInKopia: loaded.config.store.kind === "kopia",
    renewsLocks: settings.kind === "s3" && settings.lock?.keptDays !== undefined,
    removesBundles: Object.keys(loaded.config.recipients).length > 0,
  };
  const report = await checkPermissions({ keys: ring.inspector, store: store.inspector, actor, cluster, work }, console.signal);
  return { text: describe(report, widthOf(console.stdout)), json: toJson(report), findings: report.findings };
};

function describe({ caller, roles }: PermissionsReport, width: number | undefined): string {
  const can = roles.filter(({ fits }) => fits).map(({ role }) => role.name);
  const head = formatFields([
    ["caller", caller],
    ["can act as", roles.length === 0 ? "not known" : can.length === 0 ? "none of the roles" : can.join(", ")],
  ]);
  if (roles.length === 0) return head;
  const rows = roles.map(({ role, fits, lacks }) => [role.name, role.commands, fits ? "yes" : "no", describePowers(lacks)]);
  return `${head}\n\n${formatTable(["ROLE", "FOR", "FITS", "LACKS"], rows, { width, dispensable: ["FOR"] })}`;
}

function toJson({ caller, powers, roles }: PermissionsReport): JsonDocument<"doctor">["permissions"] {
  return {
    caller,
    roles: roles.map(({ role, fits, lacks, beyond }) => ({ role: role.name, fits, lacks, beyond })),
    powers: Object.fromEntries([...powers].map(([power, { is }]) => [power, is])),
  };
}
