import { z } from "zod";
import { auditDocument } from "./audit.ts";
import { backupAllDocument, backupDocument, backupSkippedDocument } from "./backup.ts";
import { bundleDocument, bundleInspectionDocument, bundleNodesDocument, recipientsAddDocument, recipientsDocument } from "./bundle.ts";
import { catalogDocument } from "./catalog.ts";
import { checkDocument } from "./check.ts";
import { custodyDocument, custodyExportDocument } from "./custody.ts";
import { doctorDocument } from "./doctor.ts";
import { drillDocument } from "./drill.ts";
import { fleetDocument } from "./fleet.ts";
import { fleetApplyDocument, fleetListDocument, fleetPlanDocument } from "./fleet-list.ts";
import { invokeDocument, invokeManyDocument } from "./invoke.ts";
import { canaryConfirmDocument, canaryMakeDocument, initDocument, keysDocument, rewrapDocument } from "./keys.ts";
import { kopiaInitDocument, kopiaMaintainDocument, kopiaStatusDocument } from "./kopia.ts";
import { lineageDocument } from "./lineage.ts";
import { listDocument } from "./list.ts";
import { diffDocument, diffObjectDocument, findDocument, getAllDocument, getDocument, impactDocument } from "./look.ts";
import { orphansDocument } from "./orphans.ts";
import { nodeFilesDocument } from "./node-files.ts";
import { errorFields, object } from "./parts.ts";
import type { ReadOnly } from "./parts.ts";
import { metricsDocument } from "./metrics.ts";
import { planDocument } from "./plan.ts";
import { preflightDocument } from "./preflight.ts";
import { pruneDocument } from "./prune.ts";
import { readyDocument } from "./ready.ts";
import { reportDocument } from "./report.ts";
import { copyDocument, exportDocument, pinDocument, showDocument, verifyDocument, verifyMissingDocument } from "./snapshot.ts";
import { statusDocument } from "./status.ts";

/**
 * The JSON document that each command prints with `--json`: the contract of docs/cli.md. Commands take its types alone, so that none of them loads zod for it; tests hold every document that is
 * printed against its schema.
 */
export const DOCUMENTS = {
  init: initDocument,
  preflight: preflightDocument,
  backup: backupDocument,
  backupSkipped: backupSkippedDocument,
  backupAll: backupAllDocument,
  ls: listDocument,
  lsFleet: fleetDocument,
  check: checkDocument,
  ready: readyDocument,
  audit: auditDocument,
  metrics: metricsDocument,
  report: reportDocument,
  show: showDocument,
  status: statusDocument,
  find: findDocument,
  get: z.union([getDocument, getAllDocument]),
  diff: z.union([diffDocument, diffObjectDocument]),
  impact: impactDocument,
  verify: z.union([verifyDocument, verifyMissingDocument]),
  copy: copyDocument,
  export: exportDocument,
  bundle: z.union([bundleDocument, bundleNodesDocument, bundleInspectionDocument]),
  drill: drillDocument,
  recipients: z.union([recipientsDocument, recipientsAddDocument]),
  "node-files": nodeFilesDocument,
  keys: z.union([keysDocument, canaryMakeDocument, canaryConfirmDocument]),
  custody: custodyDocument,
  custodyExport: custodyExportDocument,
  lineage: lineageDocument,
  pin: pinDocument,
  unpin: pinDocument,
  rewrap: rewrapDocument,
  catalog: catalogDocument,
  plan: planDocument,
  prune: pruneDocument,
  orphans: orphansDocument,
  kopiaInit: kopiaInitDocument,
  kopiaStatus: kopiaStatusDocument,
  kopiaMaintain: kopiaMaintainDocument,
  fleetPlan: fleetPlanDocument,
  fleetApply: fleetApplyDocument,
  fleetLs: fleetListDocument,
  doctor: doctorDocument,
  invoke: invokeDocument,
  invokeMany: invokeManyDocument,
  /** What any of them prints where it fails. */
  error: object({ error: errorFields.describe("why the command failed") }),
} as const;

export type DocumentName = keyof typeof DOCUMENTS;

/** What is printed under that name, as a command builds it. */
export type JsonDocument<Name extends DocumentName> = ReadOnly<z.infer<(typeof DOCUMENTS)[Name]>>;
